import Testing

@testable import TaskdClient

@Test func urlsGiveTheirParts() throws {
    let full = try Endpoint("amqp://us%40er:p%3Ass@host.example:5673/v%2Fh", scheme: "amqp", defaultPort: 5_672)
    #expect(full == Endpoint(host: "host.example", port: 5_673, user: "us@er", password: "p:ss", path: "v/h"))
    #expect(try Endpoint("redis://", scheme: "redis", defaultPort: 6_379) == Endpoint(host: "localhost", port: 6_379))
    let six = try Endpoint("amqp://[::1]:99/", scheme: "amqp", defaultPort: 5_672)
    #expect(six == Endpoint(host: "::1", port: 99, path: ""))
    #expect(try Endpoint("amqp://[::1]", scheme: "amqp", defaultPort: 1).port == 1)
    let password = try Endpoint("redis://:secret@h/3?x=1", scheme: "redis", defaultPort: 6_379)
    #expect(password == Endpoint(host: "h", port: 6_379, password: "secret", path: "3"))
}

@Test(arguments: [
    ("http://x", EndpointError.scheme(expected: "amqp")), ("amqp://h:x", .port), ("amqp://h:70000", .port),
    ("amqp://h:0", .port), ("amqp://[::1", .host), ("amqp://[::1]x", .host), ("amqp://h/%4", .percentEncoding),
    ("amqp://h/%zz", .percentEncoding),
])
func badURLsAreRefused(url: String, error: EndpointError) {
    #expect(throws: error) { try Endpoint(url, scheme: "amqp", defaultPort: 5_672) }
}

@Test func configurationsReadURLs() throws {
    #expect(try AMQPConfiguration(url: "amqp://localhost").virtualHost == "/")
    #expect(try AMQPConfiguration(url: "amqp://localhost/").virtualHost == "/")
    #expect(try AMQPConfiguration(url: "amqp://localhost//").virtualHost == "/")
    #expect(try AMQPConfiguration(url: "amqp://localhost/jobs").virtualHost == "jobs")
    #expect(try AMQPConfiguration(url: "amqp://localhost").user == "guest")
    #expect(try RedisConfiguration(url: "redis://localhost/7").database == 7)
    #expect(throws: EndpointError.database) { try RedisConfiguration(url: "redis://localhost/x") }
}
