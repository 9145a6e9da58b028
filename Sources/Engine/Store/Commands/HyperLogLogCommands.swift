// HyperLogLogs: how many different elements were seen, in at most 12 KiB. They are strings that GET and SET may
// carry to Redis and back. An estimate is kept in the string until something is added.
// Loop thread only. Next: ../Types/HyperLogLog.swift.

import Wire

extension RESPCommand {
    static let hyperLogLogCommands: [RESPCommand] = [pfadd, pfcount, pfmerge, pfdebug, pfselftest]

    /// `PFADD key [element …]` → 1 when the estimate may have changed, else 0.
    static let pfadd = RESPCommand(
        "PFADD", .atLeast(2), [.write, .denyOOM, .fast], keys: .first, group: .hyperLogLog, since: "2.8.9",
        summary: "Adds elements to a HyperLogLog, which is made if it does not exist.",
        complexity: "O(1) for each element"
    ) { call throws(CommandError) in
        try call.addToHyperLogLog()
    }

    /// `PFCOUNT key …` → estimate of how many different elements they have seen together. Of one key the estimate is
    /// kept; journaled as it came, so that replay keeps it too.
    static let pfcount = RESPCommand(
        "PFCOUNT", .atLeast(2), [.readonly, .mayReplicate], keys: .all, group: .hyperLogLog, since: "2.8.9",
        summary: "Estimates how many different elements HyperLogLogs have seen.",
        complexity: "O(1) for one key whose estimate is known, else O(N) for N keys"
    ) { call throws(CommandError) in
        guard call.count == 2 else {
            var registers = HyperLogLogRegisters()
            _ = try call.mergeHyperLogLogs(into: &registers)
            return call.reply.integer(Int64(clamping: registers.cardinality))
        }
        try call.countHyperLogLog()
    }

    /// `PFMERGE destination [source …]` → OK. The destination keeps what it has seen.
    static let pfmerge = RESPCommand(
        "PFMERGE", .atLeast(2), [.write, .denyOOM], keys: .all, group: .hyperLogLog, since: "2.8.9",
        summary: "Merges HyperLogLogs into one.", complexity: "O(N) for N keys"
    ) { call throws(CommandError) in
        var registers = HyperLogLogRegisters()
        let hasDense = try call.mergeHyperLogLogs(into: &registers)
        var merged = try call.hyperLogLog(1).flatMap { HyperLogLog($0) } ?? HyperLogLog()
        try call.orCorrupted { () throws(HyperLogLogCorrupted) in
            if hasDense { try merged.makeDense() }
            for (index, value) in registers.values.enumerated() where value > 0 {
                _ = try merged.raise(HyperLogLogRegister(index: index, value: value))
            }
        }
        merged.invalidateCache()
        merged.bytes.withUnsafeBytes { call.keys.setRawString(call[1], ByteSlice($0)) }
        call.keys.modified(call[1], .string, "pfadd")
        call.reply.ok()
    }

    /// `PFDEBUG GETREG|DECODE|ENCODING|TODENSE key`: registers, runs of the sparse form, its name, whether it was made
    /// dense. GETREG makes it dense, too, as in Redis.
    static let pfdebug = RESPCommand(
        "PFDEBUG", .exactly(3), [.write, .denyOOM, .admin], keys: .range(first: 2, last: 2, step: 1),
        group: .hyperLogLog, since: "2.8.9", summary: "Looks into a HyperLogLog.", complexity: "N/A"
    ) { call throws(CommandError) in
        try call.debugHyperLogLog()
    }

    /// `PFSELFTEST` → OK.
    static let pfselftest = RESPCommand(
        "PFSELFTEST", .exactly(1), [.admin], group: .hyperLogLog, since: "2.8.9",
        summary: "Checks that HyperLogLogs count well.", complexity: "N/A"
    ) { call throws(CommandError) in
        if let problem = HyperLogLogSelfTest.problem() { throw .message("ERR TESTFAILED \(problem)") }
        call.reply.ok()
    }
}

extension CommandCall {
    private static let corrupted = CommandError.text("INVALIDOBJ Corrupted HLL object detected")

    fileprivate func orCorrupted(_ body: () throws(HyperLogLogCorrupted) -> Void) throws(CommandError) {
        do { try body() } catch { throw Self.corrupted }
    }

    private func hyperLogLog(of entry: KeyEntry) throws(CommandError) -> ByteSlice {
        let string = try keys.bytes(of: entry)
        guard HyperLogLog.isHeader(string) else {
            throw .text("WRONGTYPE Key is not a valid HyperLogLog string value.")
        }
        return string
    }

    /// The HyperLogLog at argument `index`, nil when there is no such key. Counts nothing.
    fileprivate func hyperLogLog(_ index: Int) throws(CommandError) -> ByteSlice? {
        guard let entry = keys.find(self[index]) else { return nil }
        return try hyperLogLog(of: entry)
    }

    fileprivate func addToHyperLogLog() throws(CommandError) {
        let key = self[1]
        let old = try hyperLogLog(1)
        var isChanged = old == nil
        if let old, HyperLogLog.isDense(old) {
            // The common case by far where it matters: nothing is copied.
            let room = try keys.editString(key, minimumCount: old.count)
            for index in 2..<max(2, count) where HyperLogLog.raiseDense(HyperLogLogRegister(self[index]), in: room) {
                isChanged = true
            }
            if isChanged { HyperLogLog.invalidateCache(in: room) }
        } else {
            var value = old.flatMap { HyperLogLog($0) } ?? HyperLogLog()
            try orCorrupted { () throws(HyperLogLogCorrupted) in
                for index in 2..<max(2, count) where try value.raise(HyperLogLogRegister(self[index])) {
                    isChanged = true
                }
            }
            if isChanged {
                value.invalidateCache()
                value.bytes.withUnsafeBytes { keys.setRawString(key, ByteSlice($0)) }
            }
        }
        if isChanged { keys.modified(key, .string, "pfadd") }
        reply.integer(isChanged ? 1 : 0)
    }

    /// Merges what all keys named have seen; returns whether any of them is dense.
    fileprivate func mergeHyperLogLogs(into registers: inout HyperLogLogRegisters) throws(CommandError) -> Bool {
        var hasDense = false
        for index in 1..<count {
            guard let entry = keys.lookup(self[index]) else { continue }
            let string = try hyperLogLog(of: entry)
            if HyperLogLog.isDense(string) { hasDense = true }
            do { try registers.merge(string) } catch { throw Self.corrupted }
        }
        return hasDense
    }

    fileprivate func countHyperLogLog() throws(CommandError) {
        guard let entry = keys.lookup(self[1]) else { return reply.integer(0) }
        let string = try hyperLogLog(of: entry)
        if let known = HyperLogLog.cachedCardinality(string) { return reply.integer(Int64(clamping: known)) }
        var registers = HyperLogLogRegisters()
        do { try registers.merge(string) } catch { throw Self.corrupted }
        let cardinality = registers.cardinality
        // Where writes are refused, counting goes on.
        if !store.refusesWrites || store.isReplaying {
            let room = try keys.editString(self[1], minimumCount: string.count)
            HyperLogLog.setCachedCardinality(cardinality, in: room)
            store.dirty &+= 1
            keys.touchWatchers(self[1])
            propagateAsIs()
        }
        reply.integer(Int64(clamping: cardinality))
    }

    fileprivate func debugHyperLogLog() throws(CommandError) {
        guard let string = try hyperLogLog(2), var value = HyperLogLog(string) else {
            throw .text("ERR The specified key does not exist")
        }
        if word(1, is: "encoding") { return reply.simple(value.isDense ? "dense" : "sparse") }
        if word(1, is: "decode") {
            guard let runs = value.runsText else { throw .text("ERR HLL encoding is not sparse") }
            return reply.bulk(runs)
        }
        guard word(1, is: "getreg") || word(1, is: "todense") else {
            throw .message("ERR Unknown PFDEBUG subcommand '\(self[1].string)'")
        }
        let isSparse = !value.isDense
        if isSparse {
            try orCorrupted { () throws(HyperLogLogCorrupted) in try value.makeDense() }
            value.bytes.withUnsafeBytes { keys.setRawString(self[2], ByteSlice($0)) }
            store.dirty &+= 1
            keys.touchWatchers(self[2])
        }
        if word(1, is: "todense") { return reply.integer(isSparse ? 1 : 0) }
        reply.array(HyperLogLog.registerCount)
        value.bytes.withUnsafeBytes { memory in
            for index in 0..<HyperLogLog.registerCount {
                reply.integer(Int(HyperLogLog.denseRegister(index, in: memory.baseAddress!)))
            }
        }
    }
}

/// What PFSELFTEST does: both forms against plain registers, and the estimate against what was added.
enum HyperLogLogSelfTest {
    /// Standard error of the estimate: 1.04 / √16,384. Four times that is beyond chance.
    private static let errorMax = 4 * 0.008125

    static func problem() -> String? {
        var plain = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
        var value = HyperLogLog()
        for number in 1...100_000 as ClosedRange<UInt64> {
            let register = withUnsafeBytes(of: number.littleEndian) { HyperLogLogRegister(ByteSlice($0)) }
            plain[register.index] = max(plain[register.index], register.value)
            guard (try? value.raise(register)) != nil else { return "a register cannot be set" }
            guard number == 100 || number == 1_000 || number % 20_000 == 0 else { continue }
            var registers = HyperLogLogRegisters()
            guard (try? value.bytes.withUnsafeBytes({ try registers.merge(ByteSlice($0)) })) != nil,
                registers.values == plain
            else { return "registers differ after \(number) elements" }
            let error = (Double(registers.cardinality) - Double(number)) / Double(number)
            guard error.magnitude < errorMax else { return "Too big error. card:\(number)" }
        }
        return nil
    }
}
