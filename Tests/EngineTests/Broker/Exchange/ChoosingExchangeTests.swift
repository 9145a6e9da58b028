// Exchanges that choose one of their bindings: x-random, x-local-random, x-modulus-hash, x-consistent-hash.

import Testing
import Wire

@testable import Engine

@Suite struct ChoosingExchangeTests {
    private let fixture = BrokerFixture()

    /// An exchange with one queue for each key; returns the queues' names.
    private func bind(
        _ client: BrokerClient, _ type: String, _ keys: [String], _ arguments: FieldTable = [:]
    ) throws -> [String] {
        try client.exchange("x", type, arguments)
        return try keys.enumerated().map { index, key in
            try client.declare("q\(index)")
            try client.bind("q\(index)", "x", key)
            return "q\(index)"
        }
    }

    private func counts(_ queues: [String]) -> [Int] { queues.map { fixture.queue($0)!.readyCount } }

    @Test(arguments: ["x-random", "x-local-random"])
    func randomSpreadsOneKey(type: String) throws {
        let client = fixture.client()
        let queues = try bind(client, type, ["", "a", "b", "c"])
        for _ in 0..<400 { try client.publish("m", to: "same", exchange: "x") }
        #expect(counts(queues).reduce(0, +) == 400)
        #expect(counts(queues).allSatisfy { $0 > 60 }, "\(counts(queues))")
    }

    @Test func randomBehindAnotherExchangeIsDrawnAnew() throws {
        let client = fixture.client()
        let queues = try bind(client, "x-random", ["", ""])
        try client.exchange("outer", "fanout")
        try client.bindExchange("x", "outer")
        for _ in 0..<100 { try client.publish("m", to: "k", exchange: "outer") }
        #expect(counts(queues).allSatisfy { $0 > 20 }, "\(counts(queues))")
    }

    @Test func modulusHashKeepsAKeyTogether() throws {
        let client = fixture.client()
        let queues = try bind(client, "x-modulus-hash", ["", "", ""])
        for _ in 0..<10 { try client.publish("m", to: "same", exchange: "x") }
        #expect(counts(queues).sorted() == [0, 0, 10])
        for number in 0..<300 { try client.publish("m", to: "key \(number)", exchange: "x") }
        #expect(counts(queues).allSatisfy { $0 > 60 }, "\(counts(queues))")
    }

    @Test func weightsCount() throws {
        let client = fixture.client()
        let queues = try bind(client, "x-consistent-hash", ["1", "3", "+6"])
        for number in 0..<2_000 { try client.publish("m", to: "key \(number)", exchange: "x") }
        let counts = counts(queues)
        #expect(counts.reduce(0, +) == 2_000)
        #expect((140...260).contains(counts[0]) && (500...700).contains(counts[1]), "\(counts)")
    }

    /// Goal: a new binding takes its share and moves nothing else. Method: where do the same keys go before and after.
    @Test func newBindingMovesFewKeys() throws {
        let client = fixture.client()
        _ = try bind(client, "x-consistent-hash", ["10", "10", "10"])
        func places() throws -> [String: String] {
            var places: [String: String] = [:]
            for number in 0..<600 { try client.publish("\(number)", to: "key \(number)", exchange: "x") }
            for queue in ["q0", "q1", "q2", "new"] where fixture.queue(queue) != nil {
                for body in try client.drain(queue) { places[body] = queue }
            }
            return places
        }
        let before = try places()
        try client.declare("new")
        try client.bind("new", "x", "10")
        let after = try places()
        #expect(before.count == 600 && after.count == 600)
        let moved = before.filter { after[$0.key] != $0.value }
        #expect(moved.allSatisfy { after[$0.key] == "new" }, "nothing moves between old queues")
        #expect((90...210).contains(moved.count), "\(moved.count) of 600 moved")
        try client.unbind("new", "x", "10")
        #expect(try places() == before, "and back again")
    }

    @Test func hashesHeader() throws {
        let client = fixture.client()
        let queues = try bind(client, "x-consistent-hash", ["1", "1"], ["hash-header": "customer"])
        for number in 0..<40 {
            var properties = BasicProperties()
            properties.headers = ["customer": "one"]
            try client.publish("m", to: "key \(number)", exchange: "x", properties)
        }
        #expect(counts(queues).sorted() == [0, 40])
        for number in 0..<200 {
            var properties = BasicProperties()
            properties.headers = ["customer": .int32(Int32(number))]
            try client.publish("m", to: "same", exchange: "x", properties)
        }
        #expect(counts(queues).allSatisfy { $0 > 50 }, "\(counts(queues))")
    }

    @Test(arguments: ["message_id", "correlation_id", "timestamp"])
    func hashesProperty(name: String) throws {
        let client = fixture.client()
        let queues = try bind(client, "x-consistent-hash", ["1", "1"], ["hash-property": .string(name)])
        func properties(_ number: Int) -> BasicProperties {
            var properties = BasicProperties()
            properties.messageID = Array("id \(name == "message_id" ? number : 0)".utf8)
            properties.correlationID = Array("id \(name == "correlation_id" ? number : 0)".utf8)
            properties.timestamp = UInt64(name == "timestamp" ? number : 0)
            return properties
        }
        for _ in 0..<20 { try client.publish("m", to: "k", exchange: "x", properties(1)) }
        #expect(counts(queues).sorted() == [0, 20])
        for number in 0..<200 { try client.publish("m", to: "k", exchange: "x", properties(number)) }
        #expect(counts(queues).allSatisfy { $0 > 50 }, "\(counts(queues))")
        // Without the property all are alike.
        _ = try client.purge("q0")
        _ = try client.purge("q1")
        for number in 0..<20 { try client.publish("m", to: "key \(number)", exchange: "x") }
        #expect(counts(queues).sorted() == [0, 20])
    }

    @Test(arguments: ["0", "-1", "-0", "", "x", "1.5", " 1", "+"])
    func refusesWeight(key: String) throws {
        let client = fixture.client()
        try client.exchange("x", "x-consistent-hash")
        try client.declare("q")
        let error = failure { try client.bind("q", "x", key) }
        let isNumber = ["0", "-1", "-0"].contains(key)
        #expect(error?.code == 406)
        #expect(
            error?.replyText
                == (isNumber
                    ? "PRECONDITION_FAILED - The binding key must be greater than 0"
                    : "PRECONDITION_FAILED - The binding key must be an integer: <<\(key.isEmpty ? "" : "\"\(key)\"")>>")
        )
    }

    @Test func refusesArguments() throws {
        let client = fixture.client()
        let both = failure {
            try client.exchange("x", "x-consistent-hash", ["hash-header": "h", "hash-property": "message_id"])
        }
        #expect(both?.replyText == "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive")
        let unknown = failure { try client.exchange("x", "x-consistent-hash", ["hash-property": "app_id"]) }
        #expect(unknown?.replyText == "PRECONDITION_FAILED - Unsupported property: app_id")
    }

    @Test func messageWithCopiesGoesOneWay() throws {
        let client = fixture.client()
        let queues = try bind(client, "x-consistent-hash", ["1", "1", "1"])
        var properties = BasicProperties()
        properties.headers = ["CC": .array([.string("a"), .string("b")])]
        for number in 0..<50 { try client.publish("m", to: "key \(number)", exchange: "x", properties) }
        #expect(counts(queues).reduce(0, +) == 50)
    }

    @Test(arguments: ["x-random", "x-modulus-hash", "x-consistent-hash"])
    func withoutBindingsTheAlternateTakesIt(type: String) throws {
        let client = fixture.client()
        try client.declare("spare")
        try client.exchange("alternate", "fanout")
        try client.bind("spare", "alternate")
        try client.exchange("x", type, ["alternate-exchange": "alternate"])
        try client.publish("m", to: "k", exchange: "x")
        #expect(try client.drain("spare") == ["m"])
        try client.declare("q")
        try client.bind("q", "x", "1")
        try client.publish("n", to: "k", exchange: "x")
        #expect(try client.drain("q") == ["n"])
        #expect(try client.drain("spare") == [])
    }
}
