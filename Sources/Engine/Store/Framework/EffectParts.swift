// Reads a unit back whose effects are more than one record holds: `.storeEffectsPart` records and a `.storeEffectsEnd`,
// one right behind the other. Parts without their end are the rest of an interrupted write, of which the log was cut
// off behind them: they count for nothing.
// Boundary file for raw pointers. Recovery only. Next: Effects.swift (writes them).

import Wire

/// The parts read so far.
final class EffectParts {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var count = 0
    /// Where the next part must stand.
    private var next: LogPosition?

    deinit { memory.deallocate() }

    func add(_ payload: ByteSlice, at position: LogPosition) {
        if position != next { forget() }
        if memory.count - count < payload.count { grow(payload.count) }
        (memory.baseAddress! + count).copyMemory(from: payload.base, byteCount: payload.count)
        count += payload.count
        next = position + LogPosition(RecordFormat.headerBytes + payload.count)
    }

    /// The last part has come: the whole payload, valid until `forget`. Nil when its beginning is missing.
    func end(_ payload: ByteSlice, at position: LogPosition) -> ByteSlice? {
        guard position == next else { return nil }
        add(payload, at: position)
        return ByteSlice(base: UnsafeRawPointer(memory.baseAddress!), count: count)
    }

    func forget() {
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        count = 0
        next = nil
    }

    private func grow(_ bytes: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(count + bytes, 2 * memory.count), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        memory.deallocate()
        memory = larger
    }
}
