import Testing
import Wire

@testable import Engine

/// Goal: packed entries behave as an array of byte strings, whatever is inserted and removed where.
/// Method: same random steps on both; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func packedEntriesBehaveAsArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var packed = PackedEntries()
    var model: [[UInt8]] = []
    for _ in 0..<1_500 {
        let value = random.bytes()
        let step = random.below(12)
        if model.isEmpty || step < 2 {
            withSlice(value) { packed.append($0) }
            model.append(value)
        } else if step < 4 {
            withSlice(value) { packed.prepend($0) }
            model.insert(value, at: 0)
        } else if step == 4 {
            packed.removeFirst()
            model.removeFirst()
        } else if step == 5 {
            packed.removeLast()
            model.removeLast()
        } else if step == 6 {
            let index = random.below(model.count + 1)
            let position = packed.position(ofIndex: index)
            withSlice(value) { packed.insert($0, at: position) }
            model.insert(value, at: index)
        } else if step == 7 {
            let index = random.below(model.count)
            let position = packed.position(ofIndex: index)
            withSlice(value) { packed.replace(at: position, with: $0) }
            model[index] = value
        } else if step == 8 {
            let index = random.below(model.count)
            let length = min(random.below(4), model.count - index)
            packed.remove(at: packed.position(ofIndex: index), entryCount: length)
            model.removeSubrange(index..<(index + length))
        } else if step == 9 {
            let index = random.below(model.count)
            let tail = packed.split(at: packed.position(ofIndex: index), entryCount: model.count - index)
            tail.checkInvariants()
            packed.append(contentsOf: tail)
        } else if step == 10 {
            packed = packed.copy()
        } else {
            let found = withSlice(value) { packed.find($0, stride: 1) }
            let expected = model.firstIndex(of: value)
            #expect((found == nil) == (expected == nil))
            if let found, let expected { #expect(packed.position(ofIndex: expected) == found) }
        }
        packed.checkInvariants()
        #expect(packed.count == model.count)
    }
    var position = 0
    for value in model {
        #expect(packed[position].array == value)
        position = packed.next(after: position)
    }
}
