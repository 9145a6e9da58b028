// Whether a position is that of a message that can be read: what a checkpoint says of its queues, checked against
// the segments. Where a segment is whole, by reading the message as the daemon would; where it is damaged, by what
// a walk past the damage has found, which is what a repair keeps.
// Memory: of damaged segments only, eight bytes for each message. Reads only.
// Any thread, one at a time. Next: LogExamination.swift.

import Wire

/// Looks messages up in segments.
final class PositionLookup {
    private let disk: any LogDisk
    private let segments: [ExaminedFile]
    /// Segments, by name, in which only what a walk finds counts.
    private let walked: Set<String>
    private let replayedFrom: LogPosition
    private let archive: SegmentArchive
    private var found: [(name: String, positions: [LogPosition])] = []

    private static let walkedSegmentsKept = 64

    init(_ disk: any LogDisk, _ segments: [ExaminedFile], walked: Set<String>, replayedFrom: LogPosition) {
        self.disk = disk
        self.segments = segments.filter(\.isReadable)
        self.walked = walked
        self.replayedFrom = replayedFrom
        archive = SegmentArchive(
            disk: disk,
            segments: self.segments.map {
                LogFileInfo(
                    name: $0.name, first: $0.first, end: $0.end, isSparse: $0.kind == .sparse, bytes: $0.bytes)
            }, checkpoints: [])
    }

    /// Whether a whole message stands there.
    func isMessage(_ position: LogPosition) throws(LogError) -> Bool {
        guard let index = index(of: position) else { return false }
        if walked.contains(segments[index].name) { return try contains(position, in: index) }
        var isPublish = false
        do throws(LogError) {
            try archive.read(at: position) { type, payload in
                isPublish = type == .publish && (try? PublishRecord(payload)) != nil
            }
        } catch {
            if case .disk = error { throw error }
            return false
        }
        return isPublish
    }

    /// The segment a position is in.
    private func index(of position: LogPosition) -> Int? {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].first <= position { low = middle + 1 } else { high = middle }
        }
        return low > 0 && position < segments[low - 1].end ? low - 1 : nil
    }

    private func contains(_ position: LogPosition, in index: Int) throws(LogError) -> Bool {
        let name = segments[index].name
        let positions: [LogPosition]
        if let known = found.first(where: { $0.name == name }) {
            positions = known.positions
        } else {
            positions = try walk(segments[index])
            if found.count == Self.walkedSegmentsKept { found.removeFirst() }
            found.append((name, positions))
        }
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low < positions.count && positions[low] == position
    }

    private func walk(_ segment: ExaminedFile) throws(LogError) -> [LogPosition] {
        var positions: [LogPosition] = []
        let walk = RecordWalk(try segment.open(disk), replayedFrom: replayedFrom)
        while let step = try walk.next() {
            guard case .record(let type, let payload, let position, _) = step else { continue }
            GroupRecords.forEach(type, payload, position) { type, payload, position in
                if type == RecordType.publish.rawValue, (try? PublishRecord(payload)) != nil {
                    positions.append(position)
                }
            }
        }
        return positions
    }
}

/// A group's inner records.
enum GroupRecords {
    /// The group's records with their positions, or the record itself if it is none or cannot be taken apart.
    static func forEach(
        _ type: UInt8, _ payload: ByteSlice, _ position: LogPosition, _ body: (UInt8, ByteSlice, LogPosition) -> Void
    ) {
        guard type == RecordType.brokerGroup.rawValue, isWhole(payload) else { return body(type, payload, position) }
        var offset = 0
        while offset < payload.count {
            let rest = payload.slice(from: offset, count: payload.count - offset)
            guard case .record(let type, let inner, let bytes) = RecordRead.front(of: rest, available: rest.count)
            else { return }
            body(type, inner, position + LogPosition(RecordFormat.headerBytes + offset))
            offset += bytes
        }
    }

    /// Whether everything in a group is whole.
    static func isWhole(_ payload: ByteSlice) -> Bool {
        var offset = 0
        while offset < payload.count {
            let rest = payload.slice(from: offset, count: payload.count - offset)
            guard case .record(_, _, let bytes) = RecordRead.front(of: rest, available: rest.count) else {
                return false
            }
            offset += bytes
        }
        return payload.count > 0
    }
}
