// What lies in the log's folder, by names alone. Nothing is opened.
// Any thread. Next: ExaminedFile.swift.

import Wire

/// The files of a log's folder, each kind in order.
struct LogFolder {
    struct Entry {
        let name: String
        let position: LogPosition
        let bytes: Int
    }

    private(set) var segments: [Entry] = []
    private(set) var checkpoints: [Entry] = []
    /// Being written when something ended: the next start removes them.
    private(set) var temporary: [String] = []
    /// Originals that a repair has kept.
    private(set) var kept: [String] = []
    /// Nothing of the log's.
    private(set) var others: [String] = []

    /// Behind the name of what a repair keeps; further ones get a number.
    static let keptSuffix = ".bad"

    /// No log comes near it, so sums of positions and sizes need no care.
    private static let positionMax = LogPosition.max / 4

    init(_ disk: any LogDisk) throws(LogError) {
        do throws(LogDiskError) {
            for name in try disk.list().sorted() {
                if name.hasSuffix(SegmentFormat.temporarySuffix) {
                    temporary.append(name)
                } else if let position = SegmentFormat.position(ofName: name), position <= Self.positionMax {
                    segments.append(Entry(name: name, position: position, bytes: try disk.size(of: name)))
                } else if let position = SegmentFormat.position(
                    ofName: name, suffix: SegmentFormat.checkpointSuffix), position <= Self.positionMax
                {
                    checkpoints.append(Entry(name: name, position: position, bytes: try disk.size(of: name)))
                } else if Self.original(of: name) != nil {
                    kept.append(name)
                } else {
                    others.append(name)
                }
            }
        } catch {
            throw .disk(error)
        }
    }

    /// The name that a kept original had.
    static func original(of name: String) -> String? {
        guard let range = name.range(ofSuffixFrom: keptSuffix) else { return nil }
        let original = String(name[..<range])
        let isLogs =
            SegmentFormat.position(ofName: original) != nil
            || SegmentFormat.position(ofName: original, suffix: SegmentFormat.checkpointSuffix) != nil
        return isLogs ? original : nil
    }

    /// A name for what is kept of `name`, which no file has.
    func keptName(of name: String) -> String {
        let first = name + Self.keptSuffix
        guard kept.contains(first) else { return first }
        return (2...).lazy.map { "\(first).\($0)" }.first { !kept.contains($0) } ?? first
    }
}

extension String {
    /// Where the last `mark` begins; only digits and a point may follow it.
    fileprivate func range(ofSuffixFrom mark: String) -> String.Index? {
        var index = endIndex
        while index > startIndex {
            index = self.index(before: index)
            if self[index...].hasPrefix(mark) { return index }
            guard self[index] == "." || self[index].isNumber || mark.contains(self[index]) else { return nil }
        }
        return nil
    }
}
