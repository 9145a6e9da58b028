// When fields of a hash expire (HEXPIRE and its kin): a sorted set of the fields that do, by their times.
// So the earliest is at hand, whoever asks whether anything has expired compares one number, and removing what is
// due needs no walk over the hash. Its fields are those of the hash; it knows nothing of their values.
// A field is past its time in the millisecond after it, as in Redis. Nothing here expires anything by itself.
// Loop thread only. Next: HashValue.swift, ../Keyspace/Keyspace+FieldExpiry.swift (who removes what is due).

import Wire

/// Times of fields, milliseconds since 1970.
final class FieldExpiry {
    /// Later than every time: nothing expires.
    static let never = Int64.max
    private static let objectBytes = 48

    /// Scores are times: below 2⁵³ they are exact.
    private let times: SortedSetValue
    /// The first time of all, `never` when there is none.
    private(set) var earliest = FieldExpiry.never

    init() {
        times = SortedSetValue()
        StoreHeap.note(Self.objectBytes)
    }

    private init(copying other: FieldExpiry) {
        times = other.times.copy()
        earliest = other.earliest
        StoreHeap.note(Self.objectBytes)
    }

    deinit { StoreHeap.note(-Self.objectBytes) }

    /// Fields that expire.
    var count: Int { times.count }

    var memoryBytes: Int { Self.objectBytes + times.memoryBytes }

    func copy() -> FieldExpiry { FieldExpiry(copying: self) }

    func time(of field: ByteSlice) -> Int64? { times.score(of: field).map { Int64($0) } }

    func set(_ field: ByteSlice, to time: Int64) {
        assert(time >= 0 && time <= Limits.fieldExpiryMillisecondsMax)
        times.set(field, to: Double(time))
        noteEarliest()
    }

    /// The field expires no longer. Returns whether it did.
    @discardableResult
    func clear(_ field: ByteSlice) -> Bool {
        guard !times.isEmpty, times.remove(field) else { return false }
        noteEarliest()
        return true
    }

    private func noteEarliest() { earliest = first?.time ?? Self.never }

    /// The field that expires first, borrowed.
    var first: (field: ByteSlice, time: Int64)? {
        var first: (ByteSlice, Int64)?
        times.forEach(0..<min(1, count)) {
            first = ($0, Int64($1))
            return false
        }
        return first
    }

    /// How many fields are past their time.
    func expiredCount(at now: Int64) -> Int {
        guard earliest < now else { return 0 }
        return times.ranks(ScoreRange(min: -.infinity, max: Double(now), excludesMax: true)).count
    }

    /// Fields with their times from this rank on, earliest first, until `body` returns false.
    func forEach(from rank: Int = 0, _ body: (ByteSlice, Int64) -> Bool) {
        times.forEach(min(rank, count)..<count) { body($0, Int64($1)) }
    }

    func checkInvariants(_ checkField: (ByteSlice) -> Void) {
        times.checkInvariants()
        precondition(earliest == first?.time ?? Self.never, "the earliest time is another")
        forEach { field, _ in
            checkField(field)
            return true
        }
    }
}

extension HashValue {
    /// The first time at which a field expires, `FieldExpiry.never` when none does.
    @inline(__always)
    var earliestExpiry: Int64 { fieldExpiry?.earliest ?? FieldExpiry.never }

    /// When a field expires; nil when it does not, or is not there.
    func expiry(of field: ByteSlice) -> Int64? { fieldExpiry?.time(of: field) }

    /// Has a field, which is there, expire.
    func setExpiry(of field: ByteSlice, to time: Int64) {
        assert(contains(field))
        let expiry = fieldExpiry ?? FieldExpiry()
        fieldExpiry = expiry
        expiry.set(field, to: time)
    }

    /// Whether a field is past its time: it is still here, but nobody may see it.
    func isExpired(_ field: ByteSlice, at now: Int64) -> Bool {
        guard let fieldExpiry, fieldExpiry.earliest < now, let time = fieldExpiry.time(of: field) else { return false }
        return time < now
    }

    /// Removes the fields that are past their time, earliest first, at most `limit`; says each before it goes.
    func removeExpired(at now: Int64, limit: Int, _ body: (ByteSlice) -> Void) -> Int {
        guard let fieldExpiry else { return 0 }
        var removed = 0
        while removed < limit, fieldExpiry.earliest < now, let first = fieldExpiry.first {
            // Its bytes are those of the entry that goes.
            first.field.array.withUnsafeBytes {
                let field = ByteSlice($0)
                body(field)
                remove(field)
            }
            removed += 1
        }
        return removed
    }

    /// Fields that are not past their time.
    func liveCount(at now: Int64) -> Int { count - (fieldExpiry?.expiredCount(at: now) ?? 0) }

    /// Calls `body` for every field that is not past its time, and its value, until it returns false.
    func forEachLive(at now: Int64, _ body: (ByteSlice, ByteSlice) -> Bool) {
        guard earliestExpiry < now else { return forEach(body) }
        forEach { field, value in isExpired(field, at: now) || body(field, value) }
    }

    /// A field that is not past its time, drawn at random, and its value; nil when all are.
    func randomLiveField(
        at now: Int64, using random: inout RandomSource
    ) -> (field: ByteSlice, value: ByteSlice)? {
        let live = liveCount(at: now)
        guard live > 0 else { return nil }
        guard live < count else { return randomField(using: &random) }
        // Drawing again is quick unless nearly all are past their time; then the walk is.
        for _ in 0..<100 {
            let drawn = randomField(using: &random)
            if !isExpired(drawn.field, at: now) { return drawn }
        }
        var left = Int.random(in: 0..<live, using: &random)
        var chosen: (ByteSlice, ByteSlice)?
        forEachLive(at: now) {
            chosen = ($0, $1)
            left -= 1
            return left >= 0
        }
        return chosen
    }
}
