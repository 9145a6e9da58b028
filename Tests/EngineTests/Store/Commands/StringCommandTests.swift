import Testing

@testable import Engine

@Test func setHasAllItsOptions() {
    let client = StoreHarness().connect()
    #expect(client.send("SET k v NX") == "+OK")
    #expect(client.send("SET k w NX") == "$-1")
    #expect(client.send("SET k w XX GET") == "$1 v")
    #expect(client.send("SET k x NX GET") == "$1 w")
    #expect(client.send("GET k") == "$1 w")
    #expect(client.send("SET k v EX 10") == "+OK")
    #expect(client.send("TTL k") == ":10")
    #expect(client.send("SET k v KEEPTTL") == "+OK")
    #expect(client.send("TTL k") == ":10")
    #expect(client.send("SET k v") == "+OK")
    #expect(client.send("TTL k") == ":-1")
    #expect(client.send("SET k v PXAT 1700000005000") == "+OK")
    #expect(client.send("PTTL k") == ":5000")
    #expect(client.send("SET k v EX 0") == "-ERR invalid expire time in 'set' command")
    #expect(client.send("SET k v EX 9223372036854775807") == "-ERR invalid expire time in 'set' command")
    #expect(client.send("SET k v EX x") == "-ERR value is not an integer or out of range")
    #expect(client.send("SET k v EX 1 PX 1") == "-ERR syntax error")
    #expect(client.send("SET k v NX XX") == "-ERR syntax error")
    #expect(client.send("SET k v KEEPTTL EX 1") == "-ERR syntax error")
}

@Test func countersCount() {
    let client = StoreHarness().connect()
    #expect(client.send("INCR n") == ":1")
    #expect(client.send("INCRBY n 41") == ":42")
    #expect(client.send("DECR n") == ":41")
    #expect(client.send("DECRBY n 41") == ":0")
    #expect(client.send("OBJECT ENCODING n") == "$3 int")
    #expect(client.send("SET n 9223372036854775807") == "+OK")
    #expect(client.send("INCR n") == "-ERR increment or decrement would overflow")
    #expect(client.send("SET n abc") == "+OK")
    #expect(client.send("INCR n") == "-ERR value is not an integer or out of range")
    #expect(client.send("INCRBYFLOAT f 10.5") == "$4 10.5")
    #expect(client.send("INCRBYFLOAT f -0.25") == "$5 10.25")
    #expect(client.send("INCRBYFLOAT f nan") == "-ERR value is not a valid float")
}

@Test func rangesReadAndWrite() {
    let client = StoreHarness().connect()
    client.send("SET k \"Hello World\"")
    #expect(client.send("GETRANGE k 0 4") == "$5 Hello")
    #expect(client.send("GETRANGE k -5 -1") == "$5 World")
    #expect(client.send("GETRANGE k 5 2") == "$0 ")
    #expect(client.send("SUBSTR k 0 -1") == "$11 Hello World")
    #expect(client.send("SETRANGE k 6 Redis") == ":11")
    #expect(client.send("GET k") == "$11 Hello Redis")
    #expect(client.send("SETRANGE empty 2 x") == ":3")
    #expect(client.send("GETRANGE empty 0 -1") == "$3 \0\0x")
    #expect(client.send("SETRANGE k -1 x") == "-ERR offset is out of range")
    #expect(client.send("SETRANGE k 536870912 x") == "-ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    #expect(client.send("APPEND k !") == ":12")
    #expect(client.send("OBJECT ENCODING k") == "$3 raw")
    #expect(client.send("STRLEN k") == ":12")
}

@Test func manyAtOnce() {
    let client = StoreHarness().connect()
    #expect(client.send("MSET a 1 b 2") == "+OK")
    #expect(client.send("MSET a 1 b") == "-ERR wrong number of arguments for 'mset' command")
    #expect(client.send("MGET a b c") == "*3 $1 1 $1 2 $-1")
    #expect(client.send("MSETNX b 3 c 4") == ":0")
    #expect(client.send("MSETNX c 3 d 4") == ":1")
    #expect(client.send("GETSET a x") == "$1 1")
    #expect(client.send("GETDEL a") == "$1 x")
    #expect(client.send("EXISTS a b b") == ":2")
    #expect(client.send("GETEX b EX 100") == "$1 2")
    #expect(client.send("TTL b") == ":100")
    #expect(client.send("GETEX b PERSIST") == "$1 2")
    #expect(client.send("TTL b") == ":-1")
    #expect(client.send("SETEX e 10 v") == "+OK")
    #expect(client.send("SETEX e 0 v") == "-ERR invalid expire time in 'setex' command")
    #expect(client.send("PSETEX e 1500 v") == "+OK")
    #expect(client.send("PTTL e") == ":1500")
}

@Test func commonSubsequence() {
    let client = StoreHarness().connect()
    client.send("MSET key1 ohmytext key2 mynewtext")
    #expect(client.send("LCS key1 key2") == "$6 mytext")
    #expect(client.send("LCS key1 key2 LEN") == ":6")
    #expect(
        client.send("LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN")
            == "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6")
}
