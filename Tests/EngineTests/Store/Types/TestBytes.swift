// Makes borrowed bytes out of arrays and text for the tests of the value types.

import Testing
import Wire

@testable import Engine

func withSlice<R>(_ bytes: [UInt8], _ body: (ByteSlice) throws -> R) rethrows -> R {
    try bytes.withUnsafeBytes { try body(ByteSlice($0)) }
}

func withSlice<R>(_ text: String, _ body: (ByteSlice) throws -> R) rethrows -> R {
    try withSlice(Array(text.utf8), body)
}

extension RandomSource {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// Mostly short, at times long, drawn from few different ones.
    mutating func bytes(kinds: Int = 40) -> [UInt8] {
        let kind = below(kinds)
        let length = [0, 1, 3, 8, 20, 64, 65, 253, 254, 300, 5_000][kind % 11]
        return Array("\(kind):".utf8) + [UInt8](repeating: UInt8(kind), count: below(8) == 0 ? length : length % 60)
    }
}
