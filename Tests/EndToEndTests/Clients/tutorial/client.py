from tasks import say_hello

r = say_hello.delay("Valon")
print(r.status)
print(r.get(timeout=60))
print(r.status)
print(r.id)
