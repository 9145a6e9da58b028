// LCS: the longest common subsequence of two strings, by the classic table of lengths.
// Memory is lengths' product times four bytes, bounded by the largest bulk string.
// Next: StringCommands.swift.

import Wire

extension CommandCall {
    private struct Match {
        var firstStart: Int
        var firstEnd: Int
        var secondStart: Int
        var secondEnd: Int
        var length: Int { firstEnd - firstStart + 1 }
    }

    func replyCommonSubsequence() throws(CommandError) {
        var wantsLength = false
        var wantsIndexes = false
        var wantsMatchLength = false
        var matchLengthMin: Int64 = 0
        var index = 3
        for position in 1...2 {
            if let kind = keys.kind(of: self[position]), !kind.isString {
                throw .text("ERR The specified keys must contain string values")
            }
        }
        while index < count {
            if word(index, is: "len") {
                wantsLength = true
            } else if word(index, is: "idx") {
                wantsIndexes = true
            } else if word(index, is: "withmatchlen") {
                wantsMatchLength = true
            } else if word(index, is: "minmatchlen"), index + 1 < count {
                matchLengthMin = max(0, try integer(index + 1))
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
        if wantsLength, wantsIndexes {
            throw .text("ERR If you want both the length and indexes, please just use IDX.")
        }
        let first = try keys.readString(self[1])?.array ?? []
        let second = try keys.readString(self[2])?.array ?? []
        let width = second.count + 1
        let (cells, overflow) = (first.count + 1).multipliedReportingOverflow(by: width)
        guard !overflow, cells <= store.context.configuration.respBulkBytesMax / 4 else {
            throw .text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
        }
        var lengths = [UInt32](repeating: 0, count: cells)
        for row in 0..<first.count {
            for column in 0..<second.count {
                lengths[(row + 1) * width + column + 1] =
                    first[row] == second[column]
                    ? lengths[row * width + column] + 1
                    : max(lengths[row * width + column + 1], lengths[(row + 1) * width + column])
            }
        }
        let total = Int(lengths[cells - 1])
        if wantsLength { return reply.integer(total) }

        var common = [UInt8](repeating: 0, count: total)
        var matches: [Match] = []
        var open: Match?
        var left = total
        var row = first.count
        var column = second.count
        func close() {
            if let match = open, match.length >= matchLengthMin { matches.append(match) }
            open = nil
        }
        while row > 0, column > 0 {
            if first[row - 1] == second[column - 1] {
                left -= 1
                common[left] = first[row - 1]
                if var match = open, match.firstStart == row, match.secondStart == column {
                    match.firstStart = row - 1
                    match.secondStart = column - 1
                    open = match
                } else {
                    close()
                    open = Match(
                        firstStart: row - 1, firstEnd: row - 1, secondStart: column - 1, secondEnd: column - 1)
                }
                row -= 1
                column -= 1
            } else if lengths[(row - 1) * width + column] > lengths[row * width + column - 1] {
                row -= 1
            } else {
                column -= 1
            }
        }
        close()
        guard wantsIndexes else { return reply.bulk(common) }
        reply.map(2)
        reply.bulk("matches")
        reply.array(matches.count)
        for match in matches {
            reply.array(wantsMatchLength ? 3 : 2)
            reply.array(2)
            reply.integer(match.firstStart)
            reply.integer(match.firstEnd)
            reply.array(2)
            reply.integer(match.secondStart)
            reply.integer(match.secondEnd)
            if wantsMatchLength { reply.integer(match.length) }
        }
        reply.bulk("len")
        reply.integer(total)
    }
}
