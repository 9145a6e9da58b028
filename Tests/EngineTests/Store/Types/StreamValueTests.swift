import Testing
import Wire

@testable import Engine

private func id(_ number: Int) -> StreamID { StreamID(milliseconds: UInt64(number / 3), sequence: UInt64(number % 3)) }

/// Goal: a stream behaves as a sorted array of entries: ranges both ways, removal, trimming.
/// Method: same random steps on both; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func streamBehavesAsArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var stream = StreamValue()
    var model: [(number: Int, words: [[UInt8]])] = []
    var next = 1
    for step in 0..<2_000 {
        switch random.below(10) {
        case 0..<5:
            next += 1 + random.below(3)
            let words = (0..<(2 * (1 + random.below(3)))).map { _ in random.bytes(kinds: 5) }
            stream.append(id(next), pairs: words.count / 2) { packed in
                for word in words { withSlice(word) { packed.append($0) } }
            }
            model.append((next, words))
        case 5:
            guard !model.isEmpty else { break }
            let index = random.below(model.count)
            #expect(stream.remove(id(model[index].number)))
            model.remove(at: index)
        case 6:
            let number = random.below(next + 2)
            #expect(stream.contains(id(number)) == model.contains { $0.number == number })
        case 7:
            let low = random.below(next + 2)
            let high = random.below(next + 2)
            let backwards = random.below(2) == 0
            var seen: [StreamID] = []
            stream.forEach(from: id(low), to: id(high), backwards: backwards) {
                seen.append($0.id)
                return true
            }
            let inside = model.filter { $0.number >= low && $0.number <= high }.map { id($0.number) }
            #expect(seen == (backwards ? inside.reversed() : inside))
        case 8 where random.below(30) == 0:
            let most = random.below(model.count + 10)
            let approximately = random.below(2) == 0
            let removed = stream.trim(.length(most), approximately: approximately, limit: 0)
            if approximately { #expect(model.count - removed >= min(most, model.count)) }
            if !approximately { #expect(removed == max(0, model.count - most)) }
            model.removeFirst(removed)
        case 9 where random.below(30) == 0:
            let least = random.below(next + 1)
            let removed = stream.trim(.id(id(least)), approximately: false, limit: 0)
            #expect(removed == model.filter { $0.number < least }.count)
            model.removeFirst(removed)
        default:
            if random.below(50) == 0 { stream = stream.copy() }
        }
        #expect(stream.count == model.count)
        if step % 50 == 0 { stream.checkInvariants() }
    }
    stream.checkInvariants()
    for (number, words) in model {
        var seen: [[UInt8]] = []
        stream.entry(id(number))?.forEach { seen += [$0.array, $1.array] }
        #expect(seen == words)
    }
}

/// Goal: pending entries belong to one consumer at a time, in order, however they are passed around.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func groupsKeepTrackOfPendingEntries(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var group = StreamGroup(name: ByteString("g"), lastID: .zero, entriesRead: 0)
    var model: [Int: String] = [:]
    for step in 0..<3_000 {
        let name = "c\(random.below(6))"
        let number = random.below(2_000)
        switch random.below(6) {
        case 0..<3:
            let consumer = withSlice(name) { group.consumer($0, now: 0).consumer }
            group.deliver(id(number), to: consumer, at: Int64(step))
            model[number] = name
        case 3: #expect(group.acknowledge(id(number)) == (model.removeValue(forKey: number) != nil))
        case 4 where random.below(40) == 0:
            let removed = withSlice(name) { group.removeConsumer($0) }
            let held = model.filter { $0.value == name }.map(\.key)
            #expect((removed ?? 0) == held.count)
            for number in held { model[number] = nil }
        default: if random.below(100) == 0 { group = group.copy() }
        }
        #expect(group.pending.count == model.count)
    }
    group.checkInvariants()
    group.pending.forEach { entry in
        #expect(model.contains { id($0.key) == entry.id && $0.value == entry.consumer.name.string })
        return true
    }
}
