// Which known name somebody probably meant: the one with the smallest edit distance, if it is near at all.
// Starting thread only.

/// Search by edit distance.
enum NearestName {
    /// The nearest of `names`, or nil when all differ from `name` in more than a third of its letters.
    static func find(_ name: String, among names: [String]) -> String? {
        let wanted = Array(name.lowercased().utf8)
        let farthest = max(2, wanted.count / 3)
        let candidates = names.map { (name: $0, distance: distance(wanted, Array($0.lowercased().utf8))) }
        guard let best = candidates.min(by: { $0.distance < $1.distance }), best.distance <= farthest else {
            // A key without its section, or in the wrong one.
            let last = name.split(separator: ".").last.map(String.init) ?? name
            return names.first { $0.hasSuffix("." + last) }
        }
        return best.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn `left` into `right`.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                let replace = last[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replace, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
