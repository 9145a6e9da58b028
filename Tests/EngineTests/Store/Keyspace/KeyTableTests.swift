import Testing
import Wire

@testable import Engine

private func makeEntry(_ key: String) -> KeyEntry {
    withSlice(key) { KeyEntry.make(key: $0, hash: ByteHash.hash($0), inlineCapacity: 0) }
}

/// Goal: the table behaves as a dictionary while it grows and shrinks. Method: same random steps on both, in
/// phases that mostly add and mostly remove.
@Test(arguments: 1...12 as ClosedRange<UInt64>)
func keyTableBehavesAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let table = KeyTable()
    var model: [String: KeyEntry] = [:]
    for step in 0..<12_000 {
        let key = "key:\(random.below(3_000))"
        let isAdding = random.below(10) < ((step / 3_000) % 2 == 0 ? 8 : 2)
        if isAdding, model[key] == nil {
            let entry = makeEntry(key)
            table.insert(entry)
            model[key] = entry
        } else if !isAdding, let entry = model.removeValue(forKey: key) {
            table.remove(entry)
            entry.destroy()
        } else if let entry = model[key], random.below(4) == 0 {
            let fresh = makeEntry(key)
            table.replace(entry, with: fresh)
            entry.destroy()
            model[key] = fresh
        }
        let probe = "key:\(random.below(3_000))"
        #expect(withSlice(probe) { table.find($0, hash: ByteHash.hash($0)) } == model[probe])
        if step % 1_000 == 0 { table.checkInvariants() }
    }
    #expect(table.count == model.count)
    table.checkInvariants()
    var drawn = 0
    for _ in 0..<100 where table.random(using: &random) != nil { drawn += 1 }
    #expect(drawn == (model.isEmpty ? 0 : 100))
    model.values.forEach { $0.destroy() }
}

/// Goal: whatever is in the table throughout a scan is visited. Method: keys that stay, among others that come and
/// go in bulk between the steps, so that the table grows and shrinks under the scan.
@Test(arguments: 1...8 as ClosedRange<UInt64>)
func scanVisitsWhatStays(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let table = KeyTable()
    var staying: Set<String> = []
    var others: [KeyEntry] = []
    for index in 0..<Int.random(in: 1...2_000, using: &random) {
        let key = "stay:\(index)"
        staying.insert(key)
        table.insert(makeEntry(key))
    }
    var visited: Set<String> = []
    var cursor: UInt64 = 0
    var steps = 0
    var nextKey = 0
    repeat {
        cursor = table.scan(cursor) { visited.insert($0.key.string) }
        steps += 1
        switch steps % 40 {
        case 10:
            for _ in 0..<random.below(3_000) {
                let entry = makeEntry("other:\(nextKey)")
                nextKey += 1
                table.insert(entry)
                others.append(entry)
            }
        case 30:
            for _ in 0..<random.below(others.count + 1) {
                let entry = others.swapRemove(at: random.below(others.count))
                table.remove(entry)
                entry.destroy()
            }
        default: break
        }
    } while cursor != 0 && steps < 1_000_000
    #expect(cursor == 0, "the scan does not end")
    #expect(visited.isSuperset(of: staying))
    table.forEach { $0.destroy() }
}

extension Array {
    fileprivate mutating func swapRemove(at index: Int) -> Element {
        swapAt(index, count - 1)
        return removeLast()
    }
}

@Test func roomThatWasMadeIsUsed() {
    let table = KeyTable()
    table.expect(10_000)
    let buckets = table.bucketCount
    for number in 0..<10_000 { table.insert(makeEntry("key:\(number)")) }
    #expect(table.bucketCount == buckets && !table.isResizing)
    table.checkInvariants()
    table.expect(1 << 20)
    #expect(table.bucketCount == buckets, "only while it is empty")
    table.forEach { $0.destroy() }
}
