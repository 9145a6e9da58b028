import Testing
import Wire

@testable import Engine

private func text(_ body: () throws -> Void) -> String? { failure(body)?.replyText }

/// Goal: the texts that clients match. Method: the same requests were put to a RabbitMQ 3.10.
@Test func queueRedeclarationTexts() throws {
    let client = BrokerFixture().client()
    try client.declare("q", durable: true, ["x-max-length": 10, "x-dead-letter-exchange": "dl"])
    let same: FieldTable = ["x-max-length": .int64(10), "x-dead-letter-exchange": "dl"]
    #expect(text { try client.declare("q", durable: true, same) } == nil)
    let prefix = "PRECONDITION_FAILED - inequivalent arg "
    let place = " for queue 'q' in vhost '/': received "
    #expect(text { try client.declare("q", same) } == prefix + "'durable'\(place)'false' but current is 'true'")
    #expect(
        text { try client.declare("q", durable: true, autoDelete: true, same) }
            == prefix + "'auto_delete'\(place)'true' but current is 'false'")
    #expect(
        text { try client.declare("q", durable: true, ["x-max-length": 5, "x-dead-letter-exchange": "dl"]) }
            == prefix + "'x-max-length'\(place)'5' but current is '10'")
    #expect(
        text { try client.declare("q", durable: true, ["x-dead-letter-exchange": "dl"]) }
            == prefix + "'x-max-length'\(place)none but current is the value '10' of type 'signedint'")
    var more = same
    more["x-expires"] = 1000
    #expect(
        text { try client.declare("q", durable: true, more) }
            == prefix + "'x-expires'\(place)the value '1000' of type 'signedint' but current is none")
    more["x-expires"] = nil
    more["x-unknown"] = 1
    more["x-queue-type"] = "classic"
    #expect(text { try client.declare("q", durable: true, more) } == nil)
    more["x-queue-type"] = "quorum"
    #expect(
        text { try client.declare("q", durable: true, more) }
            == prefix + "'x-queue-type'\(place)the value 'quorum' of type 'longstr' but current is none")
}

@Test(
    arguments: [
        ("x-message-ttl", .int32(-1), "{value_negative,-1}"),
        ("x-message-ttl", .string("a"), "\"expected integer, got longstr\""),
        ("x-message-ttl", .int64(1 << 62), "{value_too_large,4611686018427387904}"),
        ("x-message-ttl", .boolean(true), "\"expected integer, got bool\""),
        ("x-expires", .int32(0), "{value_zero,0}"),
        ("x-expires", .int32(-1), "{value_negative,-1}"),
        ("x-max-length", .int32(-1), "{value_negative,-1}"),
        ("x-max-length-bytes", .int32(-5), "{value_negative,-5}"),
        ("x-max-priority", .int32(256), "{max_value_exceeded,256}"),
        ("x-overflow", .string("foo"), "invalid_overflow"),
        ("x-overflow", .int32(1), "{unacceptable_type,signedint}"),
        ("x-dead-letter-routing-key", .string("a"), "routing_key_but_no_dlx_defined"),
        ("x-queue-mode", .string("foo"), "\"unsupported queue mode 'foo'\""),
        ("x-queue-version", .int32(3), "\"unsupported queue version '3'\""),
        ("x-queue-type", .string("streams"), "\"unsupported queue type 'streams'\""),
        ("x-single-active-consumer", .int32(1), "{unacceptable_type,signedint}"),
    ] as [(String, FieldValue, String)])
func invalidArgumentTexts(key: String, value: FieldValue, reason: String) {
    let client = BrokerFixture().client()
    var table = FieldTable()
    table[key] = value
    #expect(
        text { try client.declare("q", table) }
            == "PRECONDITION_FAILED - invalid arg '\(key)' for queue 'q' in vhost '/': \(reason)")
}

@Test func quorumDeclarationTexts() throws {
    let client = BrokerFixture().client()
    let quorum: FieldTable = ["x-queue-type": "quorum"]
    func property(_ name: String) -> String {
        "PRECONDITION_FAILED - invalid property '\(name)' for queue 'q' in vhost '/'"
    }
    #expect(text { try client.declare("q", quorum) } == property("non-durable"))
    #expect(text { try client.declare("q", durable: true, exclusive: true, quorum) } == property("exclusive-owner"))
    #expect(text { try client.declare("q", durable: true, autoDelete: true, quorum) } == property("auto-delete"))
    #expect(
        text { try client.declare("q", durable: true, ["x-queue-type": "quorum", "x-max-priority": 5]) }
            == "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue 'q' in vhost '/' "
            + "of queue type rabbit_quorum_queue")
    try client.declare("q", durable: true, quorum)
    let refused = failure { _ = try client.deleteQueue("q", ifUnused: true) }
    #expect(refused?.closesConnection == true && refused?.code == 540)
    try client.prefetch(5, global: true)
    let global = failure { try client.consume("q") }
    #expect(global?.replyText == "NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos")
}

@Test func exclusiveQueuesAreLocked() throws {
    let fixture = BrokerFixture()
    let owner = fixture.client()
    let other = fixture.client()
    try owner.declare("q", durable: true, exclusive: true)
    #expect(fixture.queue("q")?.isDurable == false)
    try owner.declare("q", exclusive: true)
    let locked = """
        RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally \
        declared on another connection or the exclusive property value does not match that of the original declaration.
        """
    #expect(text { try owner.declare("q") } == locked)
    #expect(text { try other.declare("q") } == locked)
    #expect(text { try other.declare("q", exclusive: true) } == locked)
    #expect(text { try other.declare("q", passive: true) } == locked)
    #expect(text { try other.bind("q", "amq.direct", "k") } == locked)
    #expect(text { try other.purge("q") } == locked)
    #expect(text { _ = try other.deleteQueue("q") } == locked)
    #expect(text { _ = try other.get("q") } == locked)
    #expect(text { try other.consume("q") } == locked)
    // Publishing to it is nobody's secret.
    try other.publish("x", to: "q")
    #expect(try owner.drain("q") == ["x"])
    owner.connection.close()
    #expect(fixture.queue("q") == nil)
    try other.declare("q")
}

@Test func namesAndMissingThings() throws {
    let client = BrokerFixture().client()
    let noQueue = "NOT_FOUND - no queue 'nope' in vhost '/'"
    #expect(text { try client.declare("nope", passive: true) } == noQueue)
    #expect(text { try client.declare("", passive: true) } == "NOT_FOUND - no queue '' in vhost '/'")
    #expect(text { try client.purge("nope") } == noQueue)
    #expect(text { _ = try client.get("nope") } == noQueue)
    #expect(text { try client.consume("nope") } == noQueue)
    #expect(text { try client.purge("") } == "NOT_FOUND - no previously declared queue")
    #expect(try client.deleteQueue("nope") == 0)
    try client.deleteExchange("nope")
    #expect(
        text { try client.declare("amq.foo") }
            == "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'")
    #expect(
        text { try client.exchange("amq.foo", "direct") }
            == "ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'")
    #expect(text { try client.bind("nope", "amq.direct", "k") } == noQueue)
    let noExchange = "NOT_FOUND - no exchange 'nopex' in vhost '/'"
    #expect(text { try client.bind("nope", "nopex", "k") } == noExchange)
    #expect(text { try client.exchange("nopex", "direct", passive: true) } == noExchange)
    #expect(text { try client.publish("x", to: "k", exchange: "nopex") } == noExchange)
    try client.unbind("nope", "nopex", "k")
    let isDefault = "ACCESS_REFUSED - operation not permitted on the default exchange"
    #expect(text { try client.exchange("", "direct") } == isDefault)
    #expect(text { try client.deleteExchange("") } == isDefault)
    #expect(text { try client.bind("nope", "", "k") } == isDefault)
    #expect(
        text { try client.deleteExchange("amq.direct") }
            == "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed")
    #expect(
        text { try client.publish("x", to: "k", exchange: "amq.rabbitmq.trace") }
            == "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'")
}

@Test func exchangeRedeclarationTexts() throws {
    let client = BrokerFixture().client()
    try client.exchange("e", "direct")
    let prefix = "PRECONDITION_FAILED - inequivalent arg "
    let place = " for exchange 'e' in vhost '/': received "
    #expect(
        text { try client.exchange("e", "fanout", durable: true) }
            == prefix + "'type'\(place)'fanout' but current is 'direct'")
    #expect(
        text { try client.exchange("e", "direct", durable: true) }
            == prefix + "'durable'\(place)'true' but current is 'false'")
    #expect(
        text { try client.exchange("e", "direct", autoDelete: true) }
            == prefix + "'auto_delete'\(place)'true' but current is 'false'")
    #expect(
        text { try client.exchange("e", "direct", isInternal: true) }
            == prefix + "'internal'\(place)'true' but current is 'false'")
    #expect(
        text { try client.exchange("e", "direct", ["alternate-exchange": "a"]) }
            == prefix + "'alternate-exchange'\(place)the value 'a' of type 'longstr' but current is none")
    #expect(failure { try client.exchange("e2", "no-such-type") }?.closesConnection == true)
    try client.exchange("amq.direct", "direct", durable: true)
}

@Test func useAndTagTexts() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.consume("q", tag: "t", exclusive: true)
    #expect(
        text { try client.consume("q", tag: "u") } == "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use")
    let reuse = failure { try client.consume("q", tag: "t") }
    #expect(reuse?.replyText == "NOT_ALLOWED - attempt to reuse consumer tag 't'" && reuse?.closesConnection == true)
    #expect(
        text { _ = try client.deleteQueue("q", ifUnused: true) }
            == "PRECONDITION_FAILED - queue 'q' in vhost '/' in use")
    client.cancel("t")
    client.cancel("never")
    try client.publish("x", to: "q")
    #expect(
        text { _ = try client.deleteQueue("q", ifEmpty: true) }
            == "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty")
    #expect(
        text { try client.channel.acknowledge(5, multiple: false) }
            == "PRECONDITION_FAILED - unknown delivery tag 5")
    #expect(
        text { try client.channel.acknowledge(5, multiple: true) }
            == "PRECONDITION_FAILED - unknown delivery tag 5")
    #expect(
        text { try client.channel.acknowledge(0, multiple: false) }
            == "PRECONDITION_FAILED - unknown delivery tag 0")
    try client.channel.acknowledge(0, multiple: true)
    #expect(
        text { try client.channel.setPrefetch(BasicQos(prefetchBytes: 5, prefetchCount: 0)) }
            == "NOT_IMPLEMENTED - prefetch_size!=0 (5)")
    #expect(text { try client.channel.recover(requeue: false) } == "NOT_IMPLEMENTED - requeue=false")
    #expect(
        text { try client.channel.commitTransaction() } == "PRECONDITION_FAILED - channel is not transactional")
    try client.channel.selectConfirms()
    #expect(
        text { try client.channel.selectTransaction() }
            == "PRECONDITION_FAILED - cannot switch from confirm to tx mode")
}

/// Goal: no key stands in the table twice.
@Test func queueArgumentsAreUnique() {
    let keys = QueueArguments.all.map { $0.key.description }
    #expect(Set(keys).count == keys.count)
}
