// Ranges of scores and of members, as ZRANGEBYSCORE, ZRANGEBYLEX and their kin name them.
// Members are borrowed: a range is valid as long as the command's arguments are.
// Loop thread only. Next: SortedSetValue.swift, which turns them into ranks.

import Wire

/// Scores from `min` to `max`, each in or out.
struct ScoreRange {
    var min: Double
    var max: Double
    var excludesMin = false
    var excludesMax = false

    @inline(__always)
    func isBelow(_ score: Double) -> Bool { excludesMin ? score <= min : score < min }

    @inline(__always)
    func isAbove(_ score: Double) -> Bool { excludesMax ? score >= max : score > max }
}

/// One end of a range of members.
enum MemberBound {
    /// Before all members (`-`).
    case lowest
    /// After all members (`+`).
    case highest
    case including(ByteSlice)
    case excluding(ByteSlice)

    /// `-`, `+`, `[member` or `(member`; nil if it is none of them.
    init?(_ text: ByteSlice) {
        guard text.count > 0 else { return nil }
        switch text[0] {
        case UInt8(ascii: "-") where text.count == 1: self = .lowest
        case UInt8(ascii: "+") where text.count == 1: self = .highest
        case UInt8(ascii: "["): self = .including(text.slice(from: 1, count: text.count - 1))
        case UInt8(ascii: "("): self = .excluding(text.slice(from: 1, count: text.count - 1))
        default: return nil
        }
    }
}

/// Members from `min` to `max`.
struct MemberRange {
    var min: MemberBound
    var max: MemberBound

    func isBelow(_ member: ByteSlice) -> Bool {
        switch min {
        case .lowest: false
        case .highest: true
        case .including(let bound): SortedSetOrder.compare(member, bound) < 0
        case .excluding(let bound): SortedSetOrder.compare(member, bound) <= 0
        }
    }

    func isAbove(_ member: ByteSlice) -> Bool {
        switch max {
        case .lowest: true
        case .highest: false
        case .including(let bound): SortedSetOrder.compare(member, bound) > 0
        case .excluding(let bound): SortedSetOrder.compare(member, bound) >= 0
        }
    }
}
