// Walks one file of the log, front to back, past what is damaged. Where no whole record stands it looks for the next
// one: behind the record, if its length still leads to one; otherwise at every byte, since records have no alignment.
// Constant memory but for the longest record. Reads only.
// Any thread, one at a time. Next: RecordShape.swift; LogExamination.swift (who asks for all files).

import Wire

/// A part of a file that holds no whole record.
public struct DamagedStretch: Equatable, Sendable {
    /// Where it begins in the file, and the offset behind it.
    public let offset: Int
    public let end: Int
    /// The log's positions in it; of a checkpoint: none.
    public let positions: Range<LogPosition>
    public let reason: String
    /// It is exactly one record; otherwise nobody knows how many there were.
    public let isOneRecord: Bool

    public var bytes: Int { end - offset }
}

/// One file being walked.
final class RecordWalk {
    enum Step {
        /// `payload` is valid until the next call.
        case record(type: UInt8, payload: ByteSlice, position: LogPosition, offset: Int)
        case damage(DamagedStretch)
    }

    let file: RecordFile
    /// What is before this position is never applied again, only read for single messages.
    private let replayedFrom: LogPosition
    private var offset = SegmentFormat.headerBytes
    /// The position after the last record.
    private(set) var reached: LogPosition
    private var searchedBytes = 0
    /// The last segment: nothing but zeros at its end are no damage.
    private let endsPrepared: Bool
    /// Where zeros begin that were written ahead for records which did not come.
    private(set) var preparedOffset: Int?

    /// Bytes in memory for judging a candidate.
    private static let judgedBytes = 4_096

    init(_ file: RecordFile, replayedFrom: LogPosition, isLast: Bool = false) {
        self.file = file
        endsPrepared = isLast && file.kind == .dense
        self.replayedFrom = replayedFrom
        reached = file.first
    }

    /// The next record or damaged stretch; nil at the end.
    func next() throws(LogError) -> Step? {
        guard offset < file.bytes, preparedOffset == nil else { return nil }
        let start = offset
        switch try whole(at: start) {
        case .record(let type, let payload, let position, let next):
            offset = next
            reached = position + LogPosition(RecordFormat.headerBytes + payload.count)
            return .record(type: type, payload: payload, position: position, offset: start)
        case .bad(let reason):
            if endsPrepared, try file.isZero(from: start) {
                preparedOffset = start
                return nil
            }
            let (end, isOneRecord) = try search(from: start)
            offset = end
            return .damage(
                DamagedStretch(
                    offset: start, end: end, positions: try positions(from: start, to: end), reason: reason,
                    isOneRecord: isOneRecord))
        }
    }

    private func positions(from start: Int, to end: Int) throws(LogError) -> Range<LogPosition> {
        switch file.kind {
        case .dense: return file.position(at: start)..<file.position(at: end)
        case .checkpoint: return file.first..<file.first
        case .sparse:
            guard end < file.bytes, let next = try position(at: end) else {
                return reached..<max(reached, file.end)
            }
            return reached..<max(reached, next)
        }
    }

    /// The position in front of a record of a sparse segment.
    private func position(at offset: Int) throws(LogError) -> LogPosition? {
        let bytes = try file.bytes(at: offset, atLeast: min(8, file.bytes - offset))
        return bytes.count < 8 ? nil : UInt64(littleEndian: bytes.base.loadUnaligned(as: UInt64.self))
    }

    /// The record at `offset` if it is whole and may stand there.
    private func whole(at offset: Int) throws(LogError) -> RecordFile.Step {
        let step = try file.record(at: offset)
        guard case .record(let number, let payload, let position, let next) = step else { return step }
        if number == RecordType.fence.rawValue || number == RecordType.durableMark.rawValue, payload.count != 8 {
            return .bad(reason: "wrong length")
        }
        guard file.kind == .sparse else { return step }
        // No checksum covers the position in front: only the order tells whether it is right.
        let (end, isImpossible) = position.addingReportingOverflow(
            UInt64(RecordFormat.headerBytes + payload.count))
        guard !isImpossible, position >= reached, end <= file.end else {
            return .bad(reason: "its position is out of order")
        }
        guard next < file.bytes, let following = try self.position(at: next) else { return try file.record(at: offset) }
        if following < end, following >= reached { return .bad(reason: "its position is out of order") }
        return try file.record(at: offset)
    }

    // MARK: Searching

    /// The offset of the next whole record behind a bad one, or the file's end.
    private func search(from start: Int) throws(LogError) -> (end: Int, isOneRecord: Bool) {
        if let after = try trustedEnd(of: start) { return (after, true) }
        var from = start + 1
        while let (candidate, length) = try candidate(from: from) {
            from = candidate + 1
            guard mayCheck(length) else { continue }
            if case .record = try whole(at: candidate) { return (candidate, false) }
        }
        return (file.bytes, false)
    }

    /// Where the bad record ends, if its length leads to a whole one or to the end. That it does is no accident,
    /// and saves from taking something inside its payload for a record.
    private func trustedEnd(of start: Int) throws(LogError) -> Int? {
        let prefix = file.kind.recordPrefixBytes
        let bytes = try file.bytes(
            at: start, atLeast: min(prefix + RecordFormat.headerBytes, file.bytes - start))
        guard bytes.count >= prefix + RecordFormat.headerBytes else { return nil }
        let length = Int(UInt32(littleEndian: bytes.base.loadUnaligned(fromByteOffset: prefix, as: UInt32.self)))
        guard length <= Limits.logRecordBytesMax else { return nil }
        // Of a group that is not applied again the whole records inside may still be somebody's message.
        if bytes[prefix + 8] == RecordType.brokerGroup.rawValue, file.kind == .dense,
            file.position(at: start) < replayedFrom
        {
            return nil
        }
        let after = start + prefix + RecordFormat.headerBytes + length
        if after == file.bytes { return after }
        guard after < file.bytes, case .record = try whole(at: after) else { return nil }
        return after
    }

    /// The next offset where a record might stand, and its length.
    private func candidate(from: Int) throws(LogError) -> (offset: Int, length: Int)? {
        let prefix = file.kind.recordPrefixBytes
        let headBytes = prefix + RecordFormat.headerBytes
        var from = from
        while file.bytes - from >= headBytes {
            let bytes = try file.bytes(at: from, atLeast: min(Self.judgedBytes, file.bytes - from))
            guard bytes.count >= headBytes else { return nil }
            // The last few only when more of what follows is in memory, unless there is no more.
            let isLast = from + bytes.count == file.bytes
            let count = isLast ? bytes.count - headBytes + 1 : max(1, bytes.count - Self.judgedBytes + 1)
            for index in 0..<count {
                let head = bytes.slice(from: index + prefix, count: bytes.count - index - prefix)
                guard
                    let length = RecordShape.length(
                        ofHeader: head, available: file.bytes - from - index - prefix),
                    let type = RecordType(rawValue: head[8])
                else { continue }
                let front = head.slice(
                    from: RecordFormat.headerBytes, count: head.count - RecordFormat.headerBytes)
                if RecordShape.mayBegin(type, front, length: length) { return (from + index, length) }
            }
            from += count
        }
        return nil
    }

    /// Bounds what a search may cost when the damage looks like one long record after the other.
    private func mayCheck(_ length: Int) -> Bool {
        if length > Limits.damageSearchShortBytes, searchedBytes + length > Limits.damageSearchBytesMax { return false }
        searchedBytes += length
        return true
    }
}
