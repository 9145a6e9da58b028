// The first line of a script or library: `#!lua name=… flags=…`, in words, as Redis splits an inline request.
// Next: Script.swift, FunctionLibrary.swift (what the words mean).

import Wire

/// Words of a first line.
enum ShebangWords {
    /// Words between blanks; within double quotes escapes count, within single ones `\'` only. Nil when quotes do not
    /// match.
    static func split(_ line: ByteSlice) -> [String]? {
        var words: [String] = []
        var index = 0
        while true {
            while index < line.count, isBlank(line[index]) { index += 1 }
            guard index < line.count else { return words }
            guard let word = word(line, &index) else { return nil }
            words.append(String(decoding: word, as: UTF8.self))
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    private static func word(_ line: ByteSlice, _ index: inout Int) -> [UInt8]? {
        var word: [UInt8] = []
        var quote: UInt8 = 0
        while index < line.count {
            let byte = line[index]
            index += 1
            if quote != 0 {
                if byte == 0x5C, index < line.count, let (escaped, length) = escape(line, index, quote) {
                    word.append(escaped)
                    index += length
                } else if byte == quote {
                    // Nothing may stand right behind the end of a quotation.
                    return index == line.count || isBlank(line[index]) ? word : nil
                } else {
                    word.append(byte)
                }
            } else if isBlank(byte) {
                return word
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else {
                word.append(byte)
            }
        }
        return quote == 0 ? word : nil
    }

    /// What stands for itself behind a backslash at `index`, and how many bytes of the line that takes.
    private static func escape(_ line: ByteSlice, _ index: Int, _ quote: UInt8) -> (UInt8, Int)? {
        let byte = line[index]
        guard quote == 0x22 else { return byte == 0x27 ? (byte, 1) : nil }
        switch byte {
        case 0x78 where index + 2 < line.count:
            let digits = line.slice(from: index + 1, count: 2).string
            guard let value = UInt8(digits, radix: 16), !digits.hasPrefix("+") else { return (byte, 1) }
            return (value, 3)
        case 0x6E: return (0x0A, 1)
        case 0x72: return (0x0D, 1)
        case 0x74: return (0x09, 1)
        case 0x62: return (0x08, 1)
        case 0x61: return (0x07, 1)
        default: return (byte, 1)
        }
    }
}
