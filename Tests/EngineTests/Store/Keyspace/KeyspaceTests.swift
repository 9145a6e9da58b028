import Testing
import Wire

@testable import Engine

/// Goal: strings behave as in a dictionary of byte arrays with expiry, whatever way they are held.
/// Method: random commands' building blocks on both; time passes; seed replays.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func keyspaceBehavesAsDictionary(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let harness = StoreHarness(seed: seed)
    let keyspace = harness.store.databases[0]
    var model: [String: (value: [UInt8], expiry: Int64?)] = [:]
    func now() -> Int64 { harness.context.time.wallMilliseconds }
    func value() -> [UInt8] {
        switch random.below(6) {
        case 0: Array("\(Int64(bitPattern: random.next()))".utf8)
        case 1: Array("\(random.below(100))".utf8)
        case 2: []
        case 3: [UInt8](repeating: 7, count: 8_000 + random.below(10_000))
        default: [UInt8](repeating: UInt8(random.below(256)), count: random.below(200))
        }
    }
    for _ in 0..<3_000 {
        let key = "k\(random.below(60))"
        if let expiry = model[key]?.expiry, expiry <= now() { model[key] = nil }
        let bytes = value()
        try withSlice(key) { name in
            switch random.below(8) {
            case 0, 1:
                withSlice(bytes) { keyspace.setString(name, $0) }
                model[key] = (bytes, nil)
            case 2:
                let time = now() + Int64(random.below(50))
                withSlice(bytes) { keyspace.setString(name, $0, expiry: .at(time)) }
                model[key] = (bytes, time)
            case 3:
                withSlice(bytes) { keyspace.setString(name, $0, expiry: .keep) }
                model[key] = (bytes, model[key]?.expiry)
            case 4:
                #expect(keyspace.remove(name) == (model.removeValue(forKey: key) != nil))
            case 5:
                let old = model[key]?.value ?? []
                let count = old.count + random.below(300)
                let target = try keyspace.editString(name, minimumCount: count)
                let grown = old + [UInt8](repeating: 0, count: count - old.count)
                #expect([UInt8](UnsafeRawBufferPointer(start: target, count: grown.count)) == grown)
                model[key] = (grown, model[key]?.expiry)
            case 6:
                let other = "k\(random.below(60))"
                if let expiry = model[other]?.expiry, expiry <= now() { model[other] = nil }
                if other != key {
                    let moved = withSlice(other) { keyspace.move(name, to: $0, in: keyspace) }
                    #expect(moved == (model[key] != nil))
                    if moved {
                        model[other] = model[key]
                        model[key] = nil
                    }
                }
            default:
                harness.advance(milliseconds: Int64(random.below(10)))
            }
        }
        let probe = "k\(random.below(60))"
        if let expiry = model[probe]?.expiry, expiry <= now() { model[probe] = nil }
        try withSlice(probe) { name in
            let held = try keyspace.readString(name)?.array
            #expect(held == model[probe]?.value)
            #expect(keyspace.expiry(of: name) == model[probe]?.expiry)
        }
    }
    keyspace.table.checkInvariants()
    keyspace.expiring.checkInvariants()
    let living = model.values.filter { $0.expiry.map { $0 > now() } ?? true }.count
    var seen = 0
    keyspace.forEach { _ in seen += 1 }
    #expect(seen == living)
}

/// Goal: keys nobody asks for go away by themselves, in slices.
@Test func activeExpiryRemovesWhatIsDue() {
    let harness = StoreHarness()
    let client = harness.connect()
    for index in 0..<5_000 { client.send("SET key:\(index) value PX \(index % 2 == 0 ? 50 : 1000000)") }
    #expect(harness.store.databases[0].count == 5_000)
    for _ in 0..<200 { harness.advance(milliseconds: 20) }
    #expect(harness.store.databases[0].count == 2_500)
    #expect(harness.store.databases[0].expiringCount == 2_500)
    #expect(harness.store.statistics.expiredKeys == 2_500)
    #expect(harness.store.nextDeadline != nil)
}

/// Goal: a reply keeps the bytes it refers to, whatever becomes of the key before it is written.
@Test func longStringsInRepliesStayAsTheyWere() {
    let harness = StoreHarness()
    let client = harness.connect()
    let long = [UInt8](repeating: UInt8(ascii: "a"), count: 20_000)
    client.send(words: [Array("SET".utf8), Array("k".utf8), long])
    let answer = client.send(
        bytes: Array("GET k\r\nSETRANGE k 0 bbb\r\nAPPEND k ccc\r\nDEL k\r\nGET k\r\n".utf8))
    let expected = Array("$20000\r\n".utf8) + long + Array("\r\n:20000\r\n:20003\r\n:1\r\n$-1\r\n".utf8)
    #expect(answer == expected)
}
