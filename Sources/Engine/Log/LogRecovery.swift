// How the log is read at a start: the newest whole checkpoint, the segments from its position on, then what a killed daemon
// had collected. An interrupted write at the end of the last segment is cut off with a notice; anything else that does not
// check is damage, and the start ends. Starting thread. Next: SegmentFormat.swift, RecordFile.swift.

import Wire

extension SegmentedLog {
    public func recover(
        notice: (LogNotice) -> Void, visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        precondition(claimed == nil, "the log is read before it is claimed")
        try readFiles(notice, visit)
        for part in staged.sorted(by: { $0.position < $1.position }) { try adopt(part, notice, visit) }
        staged = []
    }

    private func adopt(
        _ part: StagedRecords, _ notice: (LogNotice) -> Void,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        guard let last = segments.indices.last, !segments[last].isSparse, part.epoch >= lastEpoch else { return }
        var rest = ByteSlice(UnsafeRawBufferPointer(part.bytes))
        var position = part.position
        var start: ByteSlice?
        while case .record(let type, let payload, let bytes) = RecordRead.front(of: rest, available: rest.count) {
            if position >= segments[last].end {
                guard position == segments[last].end || start != nil else { return }
                if start == nil { start = rest }
                try apply(type, payload, position, segments[last].name, segments[last].bytes, notice, visit)
            }
            position += LogPosition(bytes)
            rest = rest.slice(from: bytes, count: rest.count - bytes)
        }
        guard let start else { return }
        let found = start.slice(from: 0, count: start.count - rest.count)
        try onDisk { () throws(LogDiskError) in
            try disk.write(segments[last].name, at: segments[last].bytes, found.buffer)
        }
        segments[last].bytes += found.count
        segments[last].end += LogPosition(found.count)
        notice(.stagedRecordsAdopted(bytes: found.count))
    }

    private func readFiles(
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        try findFiles(notice)
        let start = try readCheckpoint(notice, visit)
        guard let firstIndex = segments.lastIndex(where: { $0.first <= start }) else {
            if let first = segments.first { throw .missing(position: start, next: first.name) }
            if start > 0 { throw .missing(position: start, next: "the end") }
            return
        }
        let total = segments[firstIndex...].reduce(0) { $0 + $1.bytes }
        var read = 0
        for index in firstIndex..<segments.count {
            let isLast = index == segments.count - 1
            let segment = segments[index]
            if segment.isSparse, segment.end > start {
                // Of what a checkpoint had overtaken only live messages were kept: that is no log to start from.
                guard segment.isRepaired else {
                    throw .missing(position: max(start, segment.first), next: segment.name)
                }
                hasGaps = true
            }
            try readSegment(index, isLast: isLast, from: start, notice, visit) {
                notice(.progress(bytesRead: read + $0, bytesTotal: total))
            }
            if !isLast, segments[index].end != segments[index + 1].first {
                throw .missing(position: segments[index].end, next: segments[index + 1].name)
            }
            read += segments[index].bytes
            notice(.progress(bytesRead: read, bytesTotal: total))
        }
        guard segments[segments.count - 1].end >= start else {
            throw .missing(position: segments[segments.count - 1].end, next: checkpoint?.name ?? "the end")
        }
    }

    /// Lists segments and checkpoints; removes what was being written when the daemon ended.
    private func findFiles(_ notice: (LogNotice) -> Void) throws(LogError) {
        segments = []
        checkpoint = nil
        olderCheckpoints = []
        let names = try onDisk { () throws(LogDiskError) in try disk.list() }
        var checkpoints: [LogFileInfo] = []
        for name in names.sorted() {
            if name.hasSuffix(SegmentFormat.temporarySuffix) {
                try onDisk { () throws(LogDiskError) in try disk.remove(name) }
                continue
            }
            if let position = SegmentFormat.position(ofName: name, suffix: SegmentFormat.checkpointSuffix) {
                let bytes = try onDisk { () throws(LogDiskError) in try disk.size(of: name) }
                checkpoints.append(
                    LogFileInfo(name: name, first: position, end: position, isSparse: false, bytes: bytes))
            } else if let first = SegmentFormat.position(ofName: name) {
                try noteSegment(name, first)
            }
        }
        olderCheckpoints = checkpoints
        try removeUnbegunSegment(notice)
        for index in segments.indices {
            let file = try RecordFile(disk, segments[index].name, first: segments[index].first)
            segments[index].isSparse = file.kind == .sparse
            segments[index].isRepaired = file.isRepaired
            segments[index].end = file.end
            disk.close(file.name)
        }
    }

    private func noteSegment(_ name: String, _ first: LogPosition) throws(LogError) {
        let bytes = try onDisk { () throws(LogDiskError) in try disk.size(of: name) }
        segments.append(LogFileInfo(name: name, first: first, end: first, isSparse: false, bytes: bytes))
    }

    /// The daemon may have ended between creating a segment and syncing its header: nothing was in it yet.
    private func removeUnbegunSegment(_ notice: (LogNotice) -> Void) throws(LogError) {
        guard let last = segments.last, last.bytes <= SegmentFormat.headerBytes else { return }
        if (try? RecordFile(disk, last.name, first: last.first)) != nil { return }
        // Unless it is the only one: then it is the log that is gone.
        try onDisk { () throws(LogDiskError) in
            try disk.remove(last.name)
            try disk.syncFolder()
        }
        segments.removeLast()
        notice(.emptySegmentRemoved(segment: last.name))
    }

    /// Reads the newest checkpoint that is whole. Returns the position to go on from.
    private func readCheckpoint(
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) -> LogPosition {
        while let newest = olderCheckpoints.popLast() {
            let file: RecordFile
            do throws(LogError) {
                file = try RecordFile(disk, newest.name, first: newest.first)
                // Checked as a whole before anything of it is applied: half a state would be worse than none.
                try CheckpointFile.read(file) { _, _, _ in }
            } catch {
                if case .unknownFormat = error { throw error }
                // An older one will do if the log still reaches back to it.
                let fallback = olderCheckpoints.last?.first ?? 0
                guard reaches(from: fallback, to: newest.first) else { throw error }
                notice(.checkpointPassedOver(name: newest.name, reason: error.description))
                continue
            }
            var read = 0
            hasGaps = file.isRepaired
            try CheckpointFile.read(file) { (type, payload, offset) throws(LogError) in
                try apply(type, payload, 0, newest.name, offset, notice, visit)
                guard offset - read >= RecordFile.readBytes else { return }
                read = offset
                notice(.progress(bytesRead: offset, bytesTotal: newest.bytes))
            }
            disk.close(newest.name)
            checkpoint = newest
            return newest.first
        }
        return 0
    }

    /// Whether the log holds everything between two positions.
    private func reaches(from start: LogPosition, to end: LogPosition) -> Bool {
        guard let first = segments.lastIndex(where: { $0.first <= start }) else { return false }
        var reached = start
        for segment in segments[first...] where reached < end || segment.first == reached {
            guard segment.holdsAll, segment.first <= reached, segment.end >= reached else { return false }
            reached = segment.end
        }
        return reached >= end
    }

    private func readSegment(
        _ index: Int, isLast: Bool, from start: LogPosition, _ notice: (LogNotice) -> Void,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void, progress: (Int) -> Void
    ) throws(LogError) {
        let segment = segments[index]
        let file = try RecordFile(disk, segment.name, first: segment.first)
        defer { if !isLast { disk.close(segment.name) } }
        var offset = SegmentFormat.headerBytes
        if start > segment.first, file.kind == .dense {
            guard start <= file.end else { return }
            offset = file.offset(of: start)
        }
        var told = offset
        while offset < file.bytes {
            switch try file.record(at: offset) {
            case .record(let type, let payload, let position, let next):
                if position >= start { try apply(type, payload, position, segment.name, offset, notice, visit) }
                offset = next
            case .bad(let reason):
                guard isLast, file.kind == .dense else {
                    throw .damaged(segment: segment.name, offset: offset, reason: reason)
                }
                // What was prepared for records that did not come, because the daemon was killed.
                if try file.isZero(from: offset) { return try cut(index, at: offset) }
                guard try !Self.isProvenDurable(file, from: offset) else {
                    throw .damaged(segment: segment.name, offset: offset, reason: reason)
                }
                notice(.tornTailCut(segment: segment.name, offset: offset, bytes: segment.bytes - offset))
                return try cut(index, at: offset)
            }
            if offset - told >= RecordFile.readBytes {
                told = offset
                progress(offset)
            }
        }
    }

    private func apply(
        _ number: UInt8, _ payload: ByteSlice, _ position: LogPosition, _ name: String, _ offset: Int,
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        guard let type = RecordType(rawValue: number) else {
            throw .unknownRecordType(segment: name, offset: offset, type: number)
        }
        if type == .fence || type == .durableMark {
            guard payload.count == 8 else {
                throw .damaged(segment: name, offset: offset, reason: "wrong length")
            }
            let value = UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self))
            if type == .fence { lastEpoch = max(lastEpoch, value) }
            return
        }
        if type == .checkpointBegin, payload.count == 16 {
            let epoch = UInt64(bigEndian: payload.base.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            lastEpoch = max(lastEpoch, epoch)
        }
        do {
            try visit(type, payload, position)
        } catch {
            guard hasGaps else { throw .replayFailed(segment: name, offset: offset, reason: "\(error)") }
            notice(.recordLeftOut(segment: name, offset: offset, reason: "\(error)"))
        }
    }

    /// Whether a mark further on says that the log was durable beyond `offset`: then what does not check there
    /// is no interrupted write, and cutting it off would lose what was confirmed.
    static func isProvenDurable(_ file: RecordFile, from offset: Int) throws(LogError) -> Bool {
        let position = file.position(at: offset)
        let markBytes = RecordFormat.headerBytes + 8
        var start = offset + 1
        while file.bytes - start >= markBytes {
            let bytes = try file.bytes(at: start, atLeast: min(RecordFile.readBytes, file.bytes - start))
            guard bytes.count >= markBytes else { return false }
            // Records have no alignment, and the damage may be in a length: so look at every byte.
            for index in 0...(bytes.count - markBytes) where bytes[index] == 8 {
                let rest = bytes.slice(from: index, count: markBytes)
                guard rest[8] == RecordType.durableMark.rawValue,
                    case .record(_, let payload, markBytes) = RecordRead.front(of: rest, available: markBytes),
                    UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)) > position
                else { continue }
                return true
            }
            start += bytes.count - markBytes + 1
        }
        return false
    }

    private func cut(_ index: Int, at offset: Int) throws(LogError) {
        let segment = segments[index]
        try onDisk { () throws(LogDiskError) in
            try disk.truncate(segment.name, to: offset)
            try disk.sync(segment.name)
        }
        segments[index].bytes = offset
        segments[index].end = segment.first + LogPosition(offset - SegmentFormat.headerBytes)
    }
}
