// The scripts that are known, by SHA-1 and by text.
// By text, so that EVAL finds its script with one quick hash and one comparison instead of a SHA-1.
// Scripts that came by EVAL alone are bounded in number: programs that put values into the text would fill the
// memory otherwise. Not journaled: clients load again what is missing, that is what NOSCRIPT is for.
// Loop thread only. Next: ScriptEngine.swift.

import Wire

/// Compiled scripts.
struct ScriptCache {
    private var bySHA = NameTable<Script>()
    private var byText = NameTable<Script>()
    /// Those that were not loaded by SCRIPT LOAD, and the bytes of their texts.
    private var evaluatedCount = 0
    private var evaluatedBytes = 0
    /// Bytes of all texts.
    private(set) var textBytes = 0

    var count: Int { bySHA.count }
    /// Scripts dropped because there were too many.
    private(set) var evictedCount: UInt64 = 0

    subscript(text text: ByteSlice) -> Script? { byText[text] }

    /// By its digits, in any case.
    subscript(sha sha: ByteSlice) -> Script? {
        guard sha.count == 40 else { return nil }
        if let found = bySHA[sha] { return found }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { lower in
            for index in 0..<40 {
                let byte = sha[index]
                lower[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
            }
            return bySHA[ByteSlice(UnsafeRawBufferPointer(lower))]
        }
    }

    /// Adds a script that is in neither table. Returns those that had to go.
    mutating func insert(_ script: Script) -> [Script] {
        var dropped: [Script] = []
        if !script.isLoaded {
            while evaluatedCount >= Limits.evaluatedScriptsMax
                || evaluatedBytes + script.text.count > Limits.evaluatedScriptBytesMax, let oldest = removeOldest()
            {
                dropped.append(oldest)
            }
            evaluatedCount += 1
            evaluatedBytes += script.text.count
        }
        bySHA[script.sha] = script
        byText[script.text] = script
        textBytes += script.text.count
        return dropped
    }

    /// The script is to stay.
    mutating func keep(_ script: Script) {
        guard !script.isLoaded else { return }
        script.isLoaded = true
        evaluatedCount -= 1
        evaluatedBytes -= script.text.count
    }

    private mutating func removeOldest() -> Script? {
        var oldest: Script?
        bySHA.forEach { _, script in
            if !script.isLoaded, script.lastRun < oldest?.lastRun ?? .max { oldest = script }
        }
        guard let oldest else { return nil }
        bySHA[oldest.sha] = nil
        byText[oldest.text] = nil
        textBytes -= oldest.text.count
        evaluatedCount -= 1
        evaluatedBytes -= oldest.text.count
        evictedCount += 1
        return oldest
    }

    mutating func removeAll() {
        bySHA.removeAll()
        byText.removeAll()
        evaluatedCount = 0
        evaluatedBytes = 0
        textBytes = 0
    }
}
