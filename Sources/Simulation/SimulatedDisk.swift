// A disk in memory that behaves as badly as real ones may: until a file is synced, a crash keeps any subset
// of the sectors written since, in any order; a file whose folder was not synced may be gone.
// Faults are planned beforehand (FaultPlan.swift), so that a run repeats from its seed. An observer may ask before
// each change for the disk that a power cut in the middle of it would leave, while this one goes on.
// One thread. Next: SimulatedHost.swift.

import Engine

/// Files of one folder, with what is durable and what is not kept apart.
public final class SimulatedDisk: LogDisk {
    /// Smallest piece that is written whole or not at all.
    public static let sectorBytes = 512

    private struct File {
        /// As the running system sees it.
        var current: [UInt8] = []
        /// As it is on the platters.
        var durable: [UInt8] = []
        /// Its name is in the durable folder.
        var isNamed = false
        /// A sync of these bytes has failed: they look written, and no later sync writes them.
        var lost: Range<Int>?

        /// What a sync now puts on the platters.
        var syncable: [UInt8] {
            guard let lost else { return current }
            var bytes = current
            for index in lost.clamped(to: 0..<bytes.count) { bytes[index] = 0 }
            return bytes
        }

        mutating func loseUnsynced() {
            guard let first = firstUnsynced else { return }
            lost = min(lost?.lowerBound ?? .max, first)..<current.count
        }

        /// Behind what was written since.
        var lastUnsynced: Int {
            let common = min(current.count, durable.count)
            if current.count > common { return current.count }
            return (0..<common).last { current[$0] != durable[$0] }.map { $0 + 1 } ?? common
        }

        /// Where what was written since the last sync begins.
        var firstUnsynced: Int? {
            let common = min(current.count, durable.count)
            if let changed = (0..<common).first(where: { current[$0] != durable[$0] }) { return changed }
            return current.count > common ? common : nil
        }
    }

    private var files: [String: File] = [:]
    /// Files removed since the last sync of the folder: a crash may bring them back.
    private var removed: [String: File] = [:]
    /// Files that lost their name to a renamed one since then, by that name; and the names that files had before.
    private var replaced: [String: File] = [:]
    private var renamed: [String: String] = [:]
    private var random: RandomSource
    private var plan: FaultPlan
    /// File operations that change something, so far.
    public private(set) var changes = 0
    public private(set) var hasCrashed = false
    /// A crash may also turn a bit over in what was not synced.
    public var flipsUnsyncedBits = false
    /// Called before each change with its number and a function that makes another disk, on which power was cut
    /// during the change; its own crash is decided by the seed.
    public var willChange: ((_ change: Int, _ cut: (_ seed: UInt64) -> SimulatedDisk) -> Void)?
    /// Segments removed so far.
    public private(set) var removedSegments = 0

    public init(seed: UInt64, plan: FaultPlan = FaultPlan()) {
        random = RandomSource(seed: seed)
        self.plan = plan
    }

    private init(_ other: SimulatedDisk, seed: UInt64) {
        random = RandomSource(seed: seed)
        plan = FaultPlan()
        files = other.files
        removed = other.removed
        replaced = other.replaced
        renamed = other.renamed
        changes = other.changes
        flipsUnsyncedBits = other.flipsUnsyncedBits
    }

    // MARK: Faults

    /// Another plan from here on; counts of changes go on.
    public func follow(_ plan: FaultPlan) { self.plan = plan }

    /// Power is cut: what was not durable is there in part, in whole or not at all. The disk works again after.
    public func crash() {
        // Sorted everywhere, or the seed would not decide.
        for (name, file) in removed.sorted(by: { $0.key < $1.key }) where files[name] == nil {
            if file.isNamed && Bool.random(using: &random) { files[name] = file }
        }
        removed = [:]
        for (new, old) in renamed.sorted(by: { $0.key < $1.key }) where Bool.random(using: &random) {
            // The folder still has the names from before.
            guard var file = files[new] else { continue }
            file.isNamed = false
            files[old] = file
            files[new] = replaced[new]
        }
        replaced = [:]
        renamed = [:]
        for (name, var file) in files.sorted(by: { $0.key < $1.key }) {
            if !file.isNamed, Bool.random(using: &random) {
                files[name] = nil
                continue
            }
            file.current = survivor(of: file)
            file.durable = file.current
            file.isNamed = true
            file.lost = nil
            files[name] = file
        }
        hasCrashed = false
        plan = FaultPlan()
    }

    /// Each sector is the new or the old one; the length is anything in between.
    private func survivor(of file: File) -> [UInt8] {
        if file.current == file.durable { return file.durable }
        let written = file.syncable
        let shorter = min(written.count, file.durable.count)
        let longer = max(written.count, file.durable.count)
        var kept = file.durable
        let length = Int.random(in: shorter...longer, using: &random)
        if kept.count < length { kept += [UInt8](repeating: 0, count: length - kept.count) }
        kept.removeLast(kept.count - length)
        var sector = 0
        while sector < length {
            let end = min(sector + Self.sectorBytes, length)
            if Bool.random(using: &random) {
                for index in sector..<max(sector, min(end, written.count)) { kept[index] = written[index] }
            }
            sector = end
        }
        // Only in what was written since the last sync: the rest is left alone.
        if flipsUnsyncedBits, let first = file.firstUnsynced, kept.count > first,
            Int.random(in: 0..<4, using: &random) == 0
        {
            let last = min(kept.count, file.lastUnsynced)
            let index = Int.random(in: first..<max(first + 1, last), using: &random)
            kept[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        return kept
    }

    /// A sync has failed since the last power cut, so something looks written that never will be.
    public var looksWritten: Bool { files.values.contains { $0.lost != nil } }

    /// The process ends, the machine does not: everything written stays.
    public func endProcess() {
        hasCrashed = false
        plan = FaultPlan()
    }

    /// Damages durable bytes: one bit of `name`.
    public func flipBit(_ name: String, at offset: Int, bit: Int) {
        files[name]?.current[offset] ^= 1 << UInt8(bit)
        files[name]?.durable[offset] ^= 1 << UInt8(bit)
    }

    /// The bytes of a file, for tests.
    public func bytes(of name: String) -> [UInt8] { files[name]?.current ?? [] }

    /// Counts a change and fails it if the plan says so. `partly` is done to the disk when the fault leaves half a
    /// change.
    private func change(
        _ operation: String, _ name: String, needsRoom: Bool = false, isSync: Bool = false,
        partly: (SimulatedDisk) -> Void = { _ in }
    ) throws(LogDiskError) {
        if hasCrashed { throw LogDiskError(operation: operation, file: name, reason: "the disk is gone") }
        changes += 1
        willChange?(changes) { seed in
            let other = SimulatedDisk(self, seed: seed)
            partly(other)
            other.crash()
            return other
        }
        guard let fault = plan.fault(at: changes) else { return }
        switch fault {
        case .crash:
            partly(self)
            hasCrashed = true
            throw LogDiskError(operation: operation, file: name, reason: "power cut")
        case .fail(let reason):
            partly(self)
            throw LogDiskError(operation: operation, file: name, reason: reason)
        case .noSpace where needsRoom, .noSpaceToSync where isSync:
            partly(self)
            throw LogDiskError(operation: operation, file: name, reason: "no space", isNoSpace: true)
        case .noSpace, .noSpaceToSync: break
        }
    }

    // MARK: LogDisk

    public func list() throws(LogDiskError) -> [String] { files.keys.sorted() }

    public func create(_ name: String) throws(LogDiskError) {
        try change("cannot create", name, needsRoom: true)
        // One that is there already is emptied, which is no more durable than anything else.
        var file = files[name] ?? File()
        file.current = []
        file.lost = nil
        files[name] = file
    }

    public func size(of name: String) throws(LogDiskError) -> Int { try file(name).current.count }

    public func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LogDiskError)
        -> Int
    {
        let bytes = try file(name).current
        guard offset < bytes.count else { return 0 }
        let count = min(buffer.count, bytes.count - offset)
        buffer.copyBytes(from: bytes[offset..<offset + count])
        return count
    }

    public func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(LogDiskError) {
        let end = try file(name).current.count
        let old = try file(name).current[min(offset, end)..<min(end, offset + bytes.count)]
        precondition(offset <= end && old.allSatisfy { $0 == 0 }, "only zeros are written over")
        // What takes the place of zeros needs no room.
        try change("cannot write", name, needsRoom: offset + bytes.count > end) { disk in
            let count = Int.random(in: 0...bytes.count, using: &disk.random)
            disk.put(UnsafeRawBufferPointer(rebasing: bytes[0..<count]), in: name, at: offset)
        }
        put(bytes, in: name, at: offset)
    }

    private func put(_ bytes: UnsafeRawBufferPointer, in name: String, at offset: Int) {
        let inside = min(files[name]!.current.count, offset + bytes.count) - offset
        files[name]!.current.replaceSubrange(offset..<offset + inside, with: bytes)
    }

    public func sync(_ name: String) throws(LogDiskError) {
        _ = try file(name)
        // When it fails the kernel has marked the pages clean.
        try change("cannot sync", name, needsRoom: true, isSync: true) { $0.files[name]?.loseUnsynced() }
        let synced = files[name]?.syncable ?? []
        files[name]?.durable = synced
    }

    public func syncFolder() throws(LogDiskError) {
        try change("cannot sync", "folder")
        for name in files.keys { files[name]?.isNamed = true }
        removed = [:]
        replaced = [:]
        renamed = [:]
    }

    public func truncate(_ name: String, to size: Int) throws(LogDiskError) {
        let count = try file(name).current.count
        try change("cannot cut", name)
        files[name]?.current.removeLast(max(0, count - size))
        if let lost = files[name]?.lost { files[name]?.lost = lost.clamped(to: 0..<size) }
    }

    public func remove(_ name: String) throws(LogDiskError) {
        let file = try file(name)
        try change("cannot remove", name)
        files[name] = nil
        removed[name] = file
        if name.hasSuffix(SegmentFormat.segmentSuffix) { removedSegments += 1 }
    }

    public func rename(_ name: String, to new: String) throws(LogDiskError) {
        var moved = try file(name)
        try change("cannot rename", name, needsRoom: true)
        // A crash before the folder is synced leaves the old file, the new one, or (with both names) either.
        files[name] = nil
        if let old = files[new] {
            replaced[new] = replaced[new] ?? old
            // The name is there in any case; only which file it names is open.
            moved.isNamed = moved.isNamed || old.isNamed
        }
        files[new] = moved
        renamed[new] = name
    }

    public func close(_ name: String) {}

    private func file(_ name: String) throws(LogDiskError) -> File {
        guard let file = files[name] else {
            throw LogDiskError(operation: "cannot open", file: name, reason: "no such file")
        }
        return file
    }
}
