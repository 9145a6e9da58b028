import Testing
import Wire

@testable import Engine

@Test func defaultDirectFanoutTopic() throws {
    let client = BrokerFixture().client()
    for name in ["a", "b"] { try client.declare(name) }
    try client.publish("default", to: "a")
    try client.bind("a", "amq.direct", "k")
    try client.bind("b", "amq.direct", "k")
    try client.bind("b", "amq.direct", "other")
    try client.publish("direct", to: "k", exchange: "amq.direct")
    try client.publish("lost", to: "none", exchange: "amq.direct")
    try client.bind("a", "amq.fanout")
    try client.bind("b", "amq.fanout", "ignored")
    // Two bindings to the same queue: still one message.
    try client.bind("b", "amq.fanout", "ignored too")
    try client.publish("fanout", to: "whatever", exchange: "amq.fanout")
    try client.bind("a", "amq.topic", "stock.*.nyse")
    try client.bind("b", "amq.topic", "#")
    try client.publish("topic", to: "stock.x.nyse", exchange: "amq.topic")
    try client.publish("empty", to: "", exchange: "amq.topic")
    #expect(try client.drain("a") == ["default", "direct", "fanout", "topic"])
    #expect(try client.drain("b") == ["direct", "fanout", "topic", "empty"])
}

@Test func bindingsDifferByArguments() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.bind("q", "amq.headers", "", ["a": 1])
    try client.bind("q", "amq.headers", "", ["a": 2])
    try client.bind("q", "amq.headers", "", ["a": 2])
    #expect(client.fixture.queue("q")?.bindings.count == 2)
    try client.unbind("q", "amq.headers", "", ["a": 1])
    var properties = BasicProperties()
    properties.headers = ["a": 1]
    try client.publish("no", to: "", exchange: "amq.headers", properties)
    properties.headers = ["a": 2]
    try client.publish("yes", to: "", exchange: "amq.headers", properties)
    #expect(try client.drain("q") == ["yes"])
}

@Test func exchangesLeadToExchangesEvenInCircles() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    for name in ["a", "b", "c"] { try client.exchange(name, "fanout") }
    try client.bindExchange("b", "a")
    try client.bindExchange("c", "b")
    try client.bindExchange("a", "c")
    try client.bind("q", "b")
    try client.bind("q", "c")
    try client.publish("x", to: "k", exchange: "a")
    guard case .getOK(_, _, let body, let left) = try client.get("q") else { return #expect(Bool(false)) }
    #expect(body == "x" && left == 0)
    #expect(client.lastExchange == "a")
    try client.deleteExchange("b")
    try client.publish("y", to: "k", exchange: "a")
    #expect(try client.drain("q") == [])
}

@Test func alternateExchangeTakesWhatFindsNoQueue() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.declare("rest")
    try client.exchange("main", "direct", ["alternate-exchange": "spill"])
    try client.publish("gone", to: "k", exchange: "main", mandatory: true)
    #expect(client.next() == [.returned(code: 312, key: "k", body: "gone")])
    try client.exchange("spill", "fanout")
    try client.bind("rest", "spill")
    try client.bind("q", "main", "k")
    try client.publish("hit", to: "k", exchange: "main", mandatory: true)
    try client.publish("miss", to: "z", exchange: "main", mandatory: true)
    #expect(client.next() == [])
    #expect(try client.drain("q") == ["hit"])
    #expect(try client.drain("rest") == ["miss"])
}

@Test func autoDeleteExchangeGoesWithItsLastBinding() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.exchange("e", "direct", autoDelete: true)
    try client.bind("q", "e", "1")
    try client.bind("q", "e", "2")
    try client.unbind("q", "e", "1")
    #expect(client.fixture.host.exchange(Borrowed("e").slice) != nil)
    _ = try client.deleteQueue("q")
    #expect(client.fixture.host.exchange(Borrowed("e").slice) == nil)
}

/// Goal: a route used before is not used again after the topology has changed.
@Test func cachedRoutesFollowTheTopology() throws {
    let client = BrokerFixture().client()
    try client.declare("a")
    try client.bind("a", "amq.direct", "k")
    try client.publish("1", to: "k", exchange: "amq.direct")
    try client.declare("b")
    try client.bind("b", "amq.direct", "k")
    try client.publish("2", to: "k", exchange: "amq.direct")
    try client.unbind("a", "amq.direct", "k")
    try client.publish("3", to: "k", exchange: "amq.direct")
    #expect(try client.drain("a") == ["1", "2"])
    #expect(try client.drain("b") == ["2", "3"])
    _ = try client.deleteQueue("b")
    try client.publish("4", to: "k", exchange: "amq.direct", mandatory: true)
    #expect(client.next() == [.returned(code: 312, key: "k", body: "4")])
    try client.exchange("e", "fanout")
    try client.publish("5", to: "k", exchange: "e")
    try client.deleteExchange("e")
    #expect(failure { try client.publish("6", to: "k", exchange: "e") } != nil)
}

@Test func carbonCopies() throws {
    let client = BrokerFixture().client()
    for name in ["to", "cc", "bcc"] { try client.declare(name) }
    var properties = BasicProperties()
    properties.headers = ["CC": .array(["cc"]), "BCC": .array(["bcc", "to"]), "z": 1]
    try client.publish("x", to: "to", properties)
    for name in ["to", "cc", "bcc"] {
        #expect(try client.drain(name) == ["x"], "queue \(name)")
    }
    try client.publish("x", to: "to", properties)
    _ = try client.get("to")
    #expect(client.lastProperties.headers == ["CC": .array(["cc"]), "z": 1])
    properties.headers = ["CC": "cc"]
    #expect(
        failure { try client.publish("x", to: "to", properties) }?.replyText
            == "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}")
}

/// Goal: thousands of bindings cost no time that grows with them at each publish. Method: it ends.
@Test func manyBindingsStayFast() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    for index in 0..<3_000 { try client.bind("q", "amq.direct", "key-\(index)") }
    for index in 0..<3_000 { try client.publish("\(index)", to: "key-\(index)", exchange: "amq.direct") }
    #expect(client.fixture.queue("q")?.readyCount == 3_000)
}

/// Goal: a chain of auto-delete exchanges falls as a whole, however long it is, and nothing of it stays.
@Test func longChainsOfExchangesAreTakenDown() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    let before = fixture.host.exchanges.count
    try client.declare("q")
    for index in 0..<5_000 {
        try client.exchange("e\(index)", "fanout", autoDelete: true)
        if index > 0 { try client.bindExchange("e\(index - 1)", "e\(index)") }
    }
    try client.bind("q", "e0")
    weak let last = fixture.host.exchange(Borrowed("e4999").slice)
    #expect(last != nil)
    _ = try client.deleteQueue("q")
    #expect(fixture.host.exchanges.count == before)
    #expect(last == nil, "a deleted exchange is kept by its bindings")
}
