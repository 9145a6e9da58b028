// How often a key is used, in the 24 bits that otherwise say when it was last: the minute of the last decay (16 bits,
// modulo) and a counter (8 bits) that grows ever more rarely and shrinks with time, as in Redis.
// Also what of both is noted at an access: `Store.touch`. Loop thread only. Next: EvictionPool.swift.

/// Frequency of use, as an entry carries it.
struct AccessFrequency: Equatable {
    /// What a new key begins with: 0 would have it go before anybody could use it again.
    static let initialCount: UInt8 = 5

    var minute: UInt16
    var count: UInt8

    init(minute: UInt16, count: UInt8 = initialCount) {
        self.minute = minute
        self.count = count
    }

    init(bits: UInt32) {
        minute = UInt16(truncatingIfNeeded: bits >> 8)
        count = UInt8(truncatingIfNeeded: bits)
    }

    var bits: UInt32 { UInt32(minute) << 8 | UInt32(count) }

    /// One less for every `decayMinutes` since the last decay; 0: it never shrinks.
    func count(at now: UInt16, decayMinutes: Int) -> UInt8 {
        guard decayMinutes > 0 else { return count }
        let periods = Int(now &- minute) / decayMinutes
        return periods >= Int(count) ? 0 : count - UInt8(periods)
    }

    /// Used once more, at `now`.
    mutating func use(at now: UInt16, decayMinutes: Int, logFactor: Int, random: inout RandomSource) {
        count = count(at: now, decayMinutes: decayMinutes)
        minute = now
        guard count < UInt8.max else { return }
        let above = Double(max(0, Int(count) - Int(Self.initialCount)))
        let chance = 1 / (above * Double(logFactor) + 1)
        if Double(random.next() >> 11) * 0x1p-53 < chance { count += 1 }
    }
}

/// What an access of the current client leaves at the key. Nothing: the time.
struct TouchMode: OptionSet {
    let rawValue: UInt8

    /// `CLIENT NO-TOUCH`.
    static let suppressed = TouchMode(rawValue: 1)
    /// The policy wants frequencies.
    static let frequency = TouchMode(rawValue: 2)
}

extension Store {
    /// Seconds for access times, modulo 2²⁴.
    @inline(__always)
    var accessSeconds: UInt32 { UInt32(truncatingIfNeeded: context.time.wallMilliseconds / 1_000) & 0xFF_FFFF }

    /// Minutes for access frequencies, modulo 2¹⁶.
    var accessMinute: UInt16 { UInt16(truncatingIfNeeded: context.time.wallMilliseconds / 60_000) }

    /// The key is used by a command that found it.
    @inline(__always)
    func touch(_ entry: KeyEntry) {
        if touchMode.isEmpty { entry.touch(accessSeconds) } else { touchByMode(entry) }
    }

    /// The same where the value is made anew, which NO-TOUCH does not hide.
    @inline(__always)
    func touchWritten(_ entry: KeyEntry) {
        if touchMode.contains(.frequency) { use(entry) } else { entry.touch(accessSeconds) }
    }

    /// A fresh entry.
    @inline(__always)
    func touchFresh(_ entry: KeyEntry) {
        entry.touch(touchMode.contains(.frequency) ? AccessFrequency(minute: accessMinute).bits : accessSeconds)
    }

    @inline(never)
    private func touchByMode(_ entry: KeyEntry) {
        if !touchMode.contains(.suppressed) { use(entry) }
    }

    @inline(never)
    private func use(_ entry: KeyEntry) {
        var frequency = AccessFrequency(bits: entry.accessBits)
        frequency.use(
            at: accessMinute, decayMinutes: context.configuration.lfuDecayMinutes,
            logFactor: context.configuration.lfuLogFactor, random: &context.random)
        entry.touch(frequency.bits)
    }

    /// What is known of earlier uses, as far as the policy cares.
    func noteAccess(_ entry: KeyEntry, idleSeconds: Int64?, frequency: UInt8?) {
        let countsFrequency = context.configuration.evictionPolicy.countsFrequency
        if countsFrequency, let frequency {
            entry.touch(AccessFrequency(minute: accessMinute, count: frequency).bits)
        } else if !countsFrequency, let idleSeconds {
            entry.touch(accessSeconds &- UInt32(truncatingIfNeeded: min(idleSeconds, 0xFF_FFFF)))
        }
    }

    /// Seconds since the last access.
    func idleSeconds(_ entry: KeyEntry) -> UInt32 { (accessSeconds &- entry.accessBits) & 0xFF_FFFF }

    /// How often the key is used, 0...255.
    func frequency(_ entry: KeyEntry) -> UInt8 {
        AccessFrequency(bits: entry.accessBits).count(
            at: accessMinute, decayMinutes: context.configuration.lfuDecayMinutes)
    }
}
