// Glob patterns as Redis has them: `*`, `?`, `[a-z]`, `[^…]`, backslash. Bytes, not characters.
// A star that fails goes on from the last star only, so that the cost is at most pattern × text, whatever the
// pattern: no pattern can hang the daemon.
// Any thread; pure. Next: ../Clients/PubSub.swift.

import Wire

/// Matcher of glob patterns.
enum Glob {
    static func matches(_ pattern: ByteSlice, _ text: ByteSlice, ignoringCase: Bool = false) -> Bool {
        var patternIndex = 0
        var textIndex = 0
        var starPattern = -1
        var starText = 0
        while textIndex < text.count {
            if patternIndex < pattern.count, pattern[patternIndex] == 0x2A {
                starPattern = patternIndex
                starText = textIndex
                patternIndex += 1
                continue
            }
            if patternIndex < pattern.count {
                let (matched, next) = one(pattern, patternIndex, text[textIndex], ignoringCase)
                if matched {
                    patternIndex = next
                    textIndex += 1
                    continue
                }
            }
            guard starPattern >= 0 else { return false }
            starText += 1
            textIndex = starText
            patternIndex = starPattern + 1
        }
        while patternIndex < pattern.count, pattern[patternIndex] == 0x2A { patternIndex += 1 }
        return patternIndex >= pattern.count
    }

    /// Whether the pattern has no special character: then it matches only itself.
    static func isLiteral(_ pattern: ByteSlice) -> Bool {
        for byte in pattern.buffer where byte == 0x2A || byte == 0x3F || byte == 0x5B || byte == 0x5C { return false }
        return true
    }

    @inline(__always)
    private static func fold(_ byte: UInt8, _ ignoringCase: Bool) -> UInt8 {
        ignoringCase && byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Matches one byte against the pattern's element at `index`; returns also where the next element begins.
    private static func one(
        _ pattern: ByteSlice, _ index: Int, _ byte: UInt8, _ ignoringCase: Bool
    ) -> (matched: Bool, next: Int) {
        switch pattern[index] {
        case 0x3F: return (true, index + 1)
        case 0x5B: return bracket(pattern, index + 1, byte, ignoringCase)
        case 0x5C where index + 1 < pattern.count:
            return (fold(pattern[index + 1], ignoringCase) == fold(byte, ignoringCase), index + 2)
        case let literal: return (fold(literal, ignoringCase) == fold(byte, ignoringCase), index + 1)
        }
    }

    /// `[` has been passed. A bracket that is never closed ends with the pattern, as in Redis.
    private static func bracket(
        _ pattern: ByteSlice, _ start: Int, _ byte: UInt8, _ ignoringCase: Bool
    ) -> (matched: Bool, next: Int) {
        var index = start
        let isNegated = index < pattern.count && pattern[index] == 0x5E
        if isNegated { index += 1 }
        var matched = false
        let wanted = fold(byte, ignoringCase)
        while index < pattern.count, pattern[index] != 0x5D {
            if pattern[index] == 0x5C, index + 1 < pattern.count {
                index += 1
                if fold(pattern[index], ignoringCase) == wanted { matched = true }
                index += 1
            } else if index + 2 < pattern.count, pattern[index + 1] == 0x2D {
                var low = fold(pattern[index], ignoringCase)
                var high = fold(pattern[index + 2], ignoringCase)
                if low > high { swap(&low, &high) }
                if wanted >= low, wanted <= high { matched = true }
                index += 3
            } else {
                if fold(pattern[index], ignoringCase) == wanted { matched = true }
                index += 1
            }
        }
        return (matched != isNegated, min(index + 1, pattern.count))
    }
}
