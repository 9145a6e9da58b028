import Testing
import Wire

@testable import Engine

/// The rule as one would write it down: `*` is one word, `#` none or more.
private func matches(_ pattern: ArraySlice<String>, _ words: ArraySlice<String>) -> Bool {
    guard let first = pattern.first else { return words.isEmpty }
    let rest = pattern.dropFirst()
    if first == "#" { return matches(rest, words) || (!words.isEmpty && matches(pattern, words.dropFirst())) }
    guard let word = words.first else { return false }
    return (first == "*" || first == word) && matches(rest, words.dropFirst())
}

private func words(_ key: String) -> ArraySlice<String> {
    key.isEmpty ? [] : key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)[...]
}

/// Goal: the trie finds what the rule says, also after removals, and leaves no unused node.
/// Method: random patterns and keys of few words against the rule; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func topicTrieFollowsTheRule(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    let queue = try #require(fixture.queue("q"))
    let exchange = try #require(fixture.host.exchange(ByteSlice("amq.topic")))
    func randomKey(_ alphabet: [String]) -> String {
        (0..<Int.random(in: 0...5, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            .joined(separator: ".")
    }
    var trie = TopicTrie()
    var bindings: [Binding] = []
    for _ in 0..<60 {
        let pattern = ByteString(randomKey(["a", "b", "", "*", "#", "#"]))
        let binding = Binding(
            source: exchange, destination: .queue(queue), routingKey: pattern, rawArguments: [], criteria: nil)
        trie.insert(binding)
        bindings.append(binding)
    }
    for round in 0..<4 {
        for _ in 0..<100 {
            let key = ByteString(randomKey(["a", "b", "c", ""]))
            var found: [ObjectIdentifier] = []
            trie.match(key.slice) { found.append(ObjectIdentifier($0)) }
            let expected = bindings.filter { matches(words($0.routingKey.string), words(key.string)) }
            #expect(Set(found) == Set(expected.map { ObjectIdentifier($0) }), "key \(key.string)")
            #expect(found.count == expected.count, "a binding was found twice")
        }
        trie.checkInvariants()
        guard round < 3 else { break }
        bindings.shuffle(using: &random)
        for _ in 0..<20 { trie.remove(bindings.removeLast()) }
    }
}

/// Goal: a hostile pattern costs no exponential time. Method: many `#` against a long key; ends at once or never.
@Test func manyHashesAreBounded() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    try client.bind("q", "amq.topic", Array(repeating: "#", count: 120).joined(separator: ".") + ".z")
    let key = Array(repeating: "a", count: 120).joined(separator: ".")
    try client.publish("no", to: key, exchange: "amq.topic")
    try client.publish("yes", to: key + ".z", exchange: "amq.topic")
    #expect(try client.drain("q") == ["yes"])
}
