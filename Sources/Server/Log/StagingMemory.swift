// The journal's open batch in memory that the kernel keeps when the process is killed: two small files mapped
// into it. A reply to a write goes out when its record is in the journal, up to a millisecond before the log thread
// has written it; a daemon that is killed in that millisecond (by the OOM killer, by kill -9) would lose what it
// has answered. Redis writes before it answers, for the same guarantee; this costs no system call.
// It is no substitute for a sync: a machine that loses its power may lose these pages as any unsynced write.
//
// A file, little-endian:
//
//     offset  size  field
//     0       8     magic "TASKDSTG"
//     8       8     log position of the first record
//     16      8     epoch
//     24      4     CRC-32C of the 24 bytes before
//     64      n     records as in a segment, until eight zero bytes
//
// Boundary file for raw pointers. Loop thread only. Next: ../../Engine/Log/JournalMemory.swift.

import CTaskdShims
import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Memory for batches that outlives the process.
final class StagingMemory: JournalMemory {
    private struct Slot {
        let path: String
        let file: Int32
        let base: UnsafeMutableRawPointer
        var isTaken = false

        var memory: UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(
                start: base + StagingMemory.headerBytes, count: StagingMemory.slotBytes - StagingMemory.headerBytes)
        }
    }

    private static let magic: UInt64 = 0x4754_5344_4B53_4154
    private static let headerBytes = 64
    /// Size of a file. A larger batch moves to the heap.
    static let slotBytes = 4_194_304

    private var slots: [Slot] = []
    /// What an earlier daemon has left. Valid until the memory is taken into use.
    private(set) var found: [StagedRecords] = []

    init(folder: String) {
        super.init()
        for number in 0..<2 {
            let path = "\(folder)/staging-\(number)"
            guard let slot = Self.map(path) else { continue }
            slots.append(slot)
            if let records = Self.records(in: slot) { found.append(records) }
        }
    }

    deinit {
        for slot in slots {
            munmap(slot.base, Self.slotBytes)
            closeFile(slot.file)
        }
    }

    /// Nil where it is not to be had (no room, a file system that maps nothing): the heap serves then.
    private static func map(_ path: String) -> Slot? {
        let file = openFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        let made = mmap(nil, slotBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        // Room is set aside now: a write to memory cannot say that the disk is full.
        guard ftruncate(file, off_t(slotBytes)) == 0, posix_fallocate(file, 0, off_t(slotBytes)) == 0, let made,
            made != MAP_FAILED
        else {
            if let made, made != MAP_FAILED { munmap(made, slotBytes) }
            closeFile(file)
            return nil
        }
        return Slot(path: path, file: file, base: made)
    }

    private static func records(in slot: Slot) -> StagedRecords? {
        let header = slot.base
        guard header.load(as: UInt64.self).littleEndian == magic,
            header.load(fromByteOffset: 24, as: UInt32.self).littleEndian == taskd_crc32c(0, header, 24)
        else { return nil }
        return StagedRecords(
            position: header.load(fromByteOffset: 8, as: UInt64.self).littleEndian,
            epoch: header.load(fromByteOffset: 16, as: UInt64.self).littleEndian, bytes: slot.memory)
    }

    /// The daemon ends in order: everything is in the segments.
    func remove() {
        for slot in slots { unlink(slot.path) }
    }

    // MARK: JournalMemory

    override func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        if bytes <= Self.slotBytes - Self.headerBytes, let index = slots.firstIndex(where: { !$0.isTaken }) {
            slots[index].isTaken = true
            return slots[index].memory
        }
        return super.take(bytes)
    }

    override func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        if let index = slots.firstIndex(where: { $0.memory.baseAddress == memory.baseAddress }) {
            slots[index].isTaken = false
        } else {
            super.giveBack(memory)
        }
    }

    override func opened(_ memory: UnsafeMutableRawBufferPointer, at position: LogPosition, epoch: UInt64) {
        guard let slot = slots.first(where: { $0.memory.baseAddress == memory.baseAddress }) else { return }
        // What is in it belongs to another position: it ends first.
        memory.storeBytes(of: 0, as: UInt64.self)
        let header = slot.base
        header.storeBytes(of: Self.magic.littleEndian, as: UInt64.self)
        header.storeBytes(of: position.littleEndian, toByteOffset: 8, as: UInt64.self)
        header.storeBytes(of: epoch.littleEndian, toByteOffset: 16, as: UInt64.self)
        header.storeBytes(of: taskd_crc32c(0, header, 24).littleEndian, toByteOffset: 24, as: UInt32.self)
    }
}
