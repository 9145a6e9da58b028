// One script: its text, its name (the SHA-1 of the text), what its first line asks for, and its compiled form.
// Loop thread only. Next: ScriptCache.swift.

import COpenSSL
import Wire

/// What a script's first line (`#!lua flags=…`), or a library about its function, says.
struct ScriptFlags: OptionSet {
    let rawValue: UInt8

    /// It only reads.
    static let noWrites = ScriptFlags(rawValue: 1 << 0)
    static let allowOutOfMemory = ScriptFlags(rawValue: 1 << 1)
    static let allowStale = ScriptFlags(rawValue: 1 << 2)
    static let noCluster = ScriptFlags(rawValue: 1 << 3)
    static let allowCrossSlotKeys = ScriptFlags(rawValue: 1 << 4)
    /// There is no first line: the script may do everything, and reads only where the caller says so.
    static let undeclared = ScriptFlags(rawValue: 1 << 7)

    static let names: [(StaticString, ScriptFlags)] = [
        ("no-writes", .noWrites), ("allow-oom", .allowOutOfMemory), ("allow-stale", .allowStale),
        ("no-cluster", .noCluster), ("allow-cross-slot-keys", .allowCrossSlotKeys),
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Reads the first line of a script.
    init(script: ByteSlice) throws(CommandError) {
        guard script.count >= 2, script[0] == 0x23, script[1] == 0x21 else {
            self = .undeclared
            return
        }
        guard let end = script.buffer.firstIndex(of: 0x0A),
            let words = ShebangWords.split(script.slice(from: 0, count: end)), let engine = words.first
        else { throw .text("ERR Invalid script shebang") }
        guard engine == "#!lua" else { throw .message("ERR Unexpected engine in script shebang: \(engine)") }
        self = []
        for word in words.dropFirst() {
            guard word.hasPrefix("flags=") else { throw .message("ERR Unknown lua shebang option: \(word)") }
            let names = word.dropFirst("flags=".count)
            for name in names.split(separator: ",", omittingEmptySubsequences: false) where !names.isEmpty {
                guard let flag = Self.names.first(where: { $0.0.description == name })?.1 else {
                    throw .message("ERR Unexpected flag in script shebang: \(name)")
                }
                insert(flag)
            }
        }
    }
}

/// A compiled script.
final class Script {
    let text: ByteString
    /// 40 lower-case hexadecimal digits.
    let sha: ByteString
    let flags: ScriptFlags
    /// The host's name for the compiled form.
    let reference: Int32
    /// Kept until SCRIPT FLUSH. Others may be dropped when there are many: their callers send the text each time.
    var isLoaded = false
    /// Number of the run that used it last.
    var lastRun: UInt64 = 0

    init(text: ByteString, sha: ByteString, flags: ScriptFlags, reference: Int32) {
        self.text = text
        self.sha = sha
        self.flags = flags
        self.reference = reference
    }

    /// SHA-1 of `text` as 40 lower-case hexadecimal digits, written to `target`.
    static func writeSHA1(of text: ByteSlice, to target: UnsafeMutableRawPointer) {
        let hex: StaticString = "0123456789abcdef"
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(SHA_DIGEST_LENGTH)) { digest in
            SHA1(text.base.assumingMemoryBound(to: UInt8.self), text.count, digest.baseAddress)
            for (index, byte) in digest.enumerated() {
                target.storeBytes(of: hex.utf8Start[Int(byte >> 4)], toByteOffset: index * 2, as: UInt8.self)
                target.storeBytes(of: hex.utf8Start[Int(byte & 15)], toByteOffset: index * 2 + 1, as: UInt8.self)
            }
        }
    }
}
