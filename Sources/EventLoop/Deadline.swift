/// Monotonic time of the loop.
public struct LoopInstant: Comparable, Sendable {
    public var microseconds: Int64
    public init(microseconds: Int64) { self.microseconds = microseconds }
    public static func < (left: LoopInstant, right: LoopInstant) -> Bool { left.microseconds < right.microseconds }
}
