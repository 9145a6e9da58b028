// The journal's open batch in memory that the kernel keeps when the process is killed: two small files mapped
// into it. A reply to a write goes out when its record is in the journal, up to a millisecond before the log thread
// has written it; a daemon that is killed in that millisecond (by the OOM killer, by kill -9) would lose what it
// has answered. Redis writes before it answers, for the same guarantee; this costs no system call.
// A file grows with its batch, in place: moved elsewhere, a part of the batch would be gone before the rest is written.
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
        /// Size of the file: what is mapped behind it must not be touched.
        var bytes: Int
        var isTaken = false

        var memory: UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(
                start: base + StagingMemory.headerBytes, count: bytes - StagingMemory.headerBytes)
        }
    }

    private static let magic: UInt64 = 0x4754_5344_4B53_4154
    private static let headerBytes = 64
    /// Size of a file while its batch is not larger.
    static let slotBytes = 4_194_304
    /// Addresses set aside for each file; a batch with the largest record fits. Costs no memory.
    static let addressBytes = 2 * (Limits.logRecordBytesMax + 1)
    /// A file grows by multiples of this.
    private static let stepBytes = 1_048_576

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
            munmap(slot.base, Self.addressBytes)
            closeFile(slot.file)
        }
    }

    /// Whether every batch has a place here; otherwise a kill may lose what was answered a moment before.
    var isComplete: Bool { slots.count == 2 }

    /// Nil where it is not to be had (no room, a file system that maps nothing): the heap serves then.
    private static func map(_ path: String) -> Slot? {
        let file = openFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        var facts = stat()
        // The daemon that was killed may have had a larger batch.
        let bytes = fstat(file, &facts) == 0 ? min(max(slotBytes, Int(facts.st_size)), addressBytes) : slotBytes
        let made = mmap(nil, addressBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        // Room is set aside now: a write to memory cannot say that the disk is full.
        guard ftruncate(file, off_t(bytes)) == 0, posix_fallocate(file, 0, off_t(bytes)) == 0, let made,
            made != MAP_FAILED
        else {
            if let made, made != MAP_FAILED { munmap(made, addressBytes) }
            closeFile(file)
            return nil
        }
        return Slot(path: path, file: file, base: made, bytes: bytes)
    }

    private static func records(in slot: Slot) -> StagedRecords? { records(slot.base, slot.memory) }

    private static func records(
        _ header: UnsafeMutableRawPointer, _ memory: UnsafeMutableRawBufferPointer
    ) -> StagedRecords? {
        guard header.load(as: UInt64.self).littleEndian == magic,
            header.load(fromByteOffset: 24, as: UInt32.self).littleEndian == taskd_crc32c(0, header, 24)
        else { return nil }
        return StagedRecords(
            position: header.load(fromByteOffset: 8, as: UInt64.self).littleEndian,
            epoch: header.load(fromByteOffset: 16, as: UInt64.self).littleEndian, bytes: memory)
    }

    /// What a killed daemon has left, for a tool: nothing is made or changed. Whoever asks deallocates the bytes, which
    /// have the header in front of them.
    static func copies(folder: String) -> (found: [StagedRecords], files: [UnsafeMutableRawBufferPointer]) {
        var found: [StagedRecords] = []
        var files: [UnsafeMutableRawBufferPointer] = []
        for number in 0..<2 {
            let file = openFile("\(folder)/staging-\(number)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { closeFile(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0, facts.st_size > headerBytes else { continue }
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(facts.st_size), alignment: 16)
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            files.append(bytes)
            var done = 0
            while done < bytes.count {
                let got = pread(file, bytes.baseAddress! + done, bytes.count - done, off_t(done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { break }
                done += got
            }
            let memory = UnsafeMutableRawBufferPointer(rebasing: bytes[headerBytes...])
            if let records = records(bytes.baseAddress!, memory) { found.append(records) }
        }
        return (found, files)
    }

    /// The daemon ends in order: everything is in the segments.
    func remove() {
        for slot in slots { unlink(slot.path) }
    }

    // MARK: JournalMemory

    override func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        if let index = slots.firstIndex(where: { !$0.isTaken && bytes <= $0.memory.count }) {
            slots[index].isTaken = true
            return slots[index].memory
        }
        return super.take(bytes)
    }

    override func extend(
        _ memory: UnsafeMutableRawBufferPointer, to bytes: Int
    ) -> UnsafeMutableRawBufferPointer? {
        guard let index = index(of: memory) else { return nil }
        let old = slots[index].bytes
        let needed = (bytes + Self.headerBytes + Self.stepBytes - 1) / Self.stepBytes * Self.stepBytes
        guard needed <= Self.addressBytes else { return nil }
        guard posix_fallocate(slots[index].file, off_t(old), off_t(needed - old)) == 0 else {
            // A part may have been set aside.
            ftruncate(slots[index].file, off_t(old))
            return nil
        }
        slots[index].bytes = needed
        return slots[index].memory
    }

    override func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        guard let index = index(of: memory) else { return super.giveBack(memory) }
        slots[index].isTaken = false
        if slots[index].bytes > Self.slotBytes, ftruncate(slots[index].file, off_t(Self.slotBytes)) == 0 {
            slots[index].bytes = Self.slotBytes
        }
    }

    private func index(of memory: UnsafeMutableRawBufferPointer) -> Int? {
        slots.firstIndex { $0.memory.baseAddress == memory.baseAddress }
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
