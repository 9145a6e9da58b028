import Testing
import Wire

@testable import Engine

private func contents(_ list: ListValue) -> [[UInt8]] {
    var result: [[UInt8]] = []
    list.forEach(from: 0, length: list.count) {
        result.append($0.array)
        return true
    }
    return result
}

/// Goal: a list behaves as an array, from one node to many and back.
/// Method: same random steps on both, in phases that grow and phases that shrink; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func listBehavesAsArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var list = ListValue()
    var model: [[UInt8]] = []
    for round in 0..<3_000 {
        let grows = (round / 500) % 2 == 0
        let value = random.bytes()
        switch random.below(20) {
        case 0..<(grows ? 6 : 3):
            withSlice(value) { list.pushBack($0) }
            model.append(value)
        case 6..<(grows ? 12 : 8):
            withSlice(value) { list.pushFront($0) }
            model.insert(value, at: 0)
        case 12:
            guard !model.isEmpty else { break }
            #expect(list.first?.array == model.first)
            list.removeFirst()
            model.removeFirst()
        case 13:
            guard !model.isEmpty else { break }
            #expect(list.last?.array == model.last)
            list.removeLast()
            model.removeLast()
        case 14:
            guard !model.isEmpty else { break }
            let index = random.below(model.count)
            withSlice(value) { list.set(at: index, to: $0) }
            model[index] = value
        case 15:
            guard !model.isEmpty else { break }
            let pivot = model[random.below(model.count)]
            let before = random.below(2) == 0
            #expect(withSlice(value) { value in withSlice(pivot) { list.insert(value, before: before, pivot: $0) } })
            model.insert(value, at: model.firstIndex(of: pivot)! + (before ? 0 : 1))
        case 16:
            let limit = random.below(4)
            let fromBack = random.below(2) == 0
            var left = limit == 0 ? Int.max : limit
            var removed = 0
            for index in fromBack ? Array(model.indices.reversed()) : Array(model.indices)
            where left > 0 && model[fromBack ? index : index - removed] == value {
                model.remove(at: fromBack ? index : index - removed)
                left -= 1
                removed += 1
            }
            #expect(withSlice(value) { list.remove($0, limit: limit, fromBack: fromBack) } == removed)
        case 17 where !grows:
            let lower = random.below(min(20, model.count + 1))
            let upper = max(lower, model.count - random.below(20))
            guard upper <= model.count else { break }
            list.trim(to: lower..<upper)
            model = Array(model[lower..<upper])
        case 18:
            list = list.copy()
        default:
            guard !model.isEmpty else { break }
            let index = random.below(model.count)
            #expect(list[index].array == model[index])
            let length = min(5, index + 1)
            var seen: [[UInt8]] = []
            list.forEach(from: index, length: length, backwards: true) {
                seen.append($0.array)
                return true
            }
            #expect(seen == Array(model[(index + 1 - length)...index].reversed()))
        }
        list.checkInvariants()
        #expect(list.count == model.count)
        if round % 100 == 0 { #expect(contents(list) == model) }
    }
    #expect(contents(list) == model)
}

/// Goal: a queue that is pushed at the front and popped at the back does not grow its memory.
@Test func listAsQueueKeepsItsMemory() {
    let list = ListValue()
    for number in 0..<200_000 {
        withSlice("task-\(number)") { list.pushFront($0) }
        if number >= 100 {
            #expect(list.last.map { withSlice("task-\(number - 100)", $0.isEqual) } == true)
            list.removeLast()
        }
    }
    #expect(list.count == 100)
    #expect(list.memoryBytes < 32_768)
}

extension ByteSlice {
    fileprivate func isEqual(_ other: ByteSlice) -> Bool { self == other }
}

@Test func listEncodingFollowsItsSize() {
    let list = ListValue()
    #expect(list.encodingName.description == "listpack")
    for _ in 0..<300 { withSlice([UInt8](repeating: 7, count: 40)) { list.pushBack($0) } }
    #expect(list.encodingName.description == "quicklist")
    list.trim(to: 0..<10)
    #expect(list.encodingName.description == "listpack")
}

/// Goal: taking elements out of many nodes costs the same for each. Method: a node for every element, half of them
/// removed, from either end.
@Test(.timeLimit(.minutes(10)), arguments: [false, true])
func removingFromManyNodesIsLinear(fromBack: Bool) {
    let list = ListValue()
    let first = [UInt8](repeating: 1, count: 4_200)
    let second = [UInt8](repeating: 2, count: 4_200)
    for _ in 0..<20_000 {
        withSlice(first) { list.pushBack($0) }
        withSlice(second) { list.pushBack($0) }
    }
    #expect(list.nodeCount == 40_000)
    #expect(withSlice(second) { list.remove($0, limit: 0, fromBack: fromBack) } == 20_000)
    #expect(list.count == 20_000 && list.nodeCount == 20_000)
    list.checkInvariants()
    list.forEach(from: 0, length: list.count) { $0[0] == 1 }
    #expect(withSlice(first) { list.remove($0, limit: 0, fromBack: fromBack) } == 20_000)
    #expect(list.isEmpty && list.nodeCount == 0)
}
