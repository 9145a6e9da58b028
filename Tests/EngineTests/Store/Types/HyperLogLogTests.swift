import Testing
import Wire

@testable import Engine

struct HyperLogLogTests {
    /// Goal: sparse and dense form hold what plain registers would. Method: random registers, at first few, then all;
    /// seed replays.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func behavesAsPlainRegisters(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var value = HyperLogLog()
        var model = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
        // Neighbours meet often when few places are drawn from.
        let places = [40, 400, HyperLogLog.registerCount][random.below(3)]
        for step in 0..<3_000 {
            let high = random.below(2_000) == 0 ? 51 : 32
            let register = HyperLogLogRegister(index: random.below(places), value: UInt8(1 + random.below(high)))
            #expect(try value.raise(register) == (model[register.index] < register.value))
            model[register.index] = max(model[register.index], register.value)
            guard step % 250 == 0 else { continue }
            #expect(value.isDense || value.bytes.count <= Limits.hyperLogLogSparseBytesMax)
            var registers = HyperLogLogRegisters()
            try withSlice(value.bytes) { try registers.merge($0) }
            #expect(registers.values == model)
        }
        try value.makeDense()
        var registers = HyperLogLogRegisters()
        try withSlice(value.bytes) { try registers.merge($0) }
        #expect(registers.values == model)
    }

    /// Goal: no bytes of a client's lead out of the registers. Method: random runs behind a header, through everything
    /// that reads them; seed replays.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func randomRunsAreSurvived(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var bytes = Array("HYLL".utf8) + [UInt8(random.below(2))] + Array(repeating: 0, count: 11)
        for _ in 0..<random.below(4_000) {
            let byte = UInt8(random.below(256))
            // Long runs of zeros are what overflows.
            bytes.append(random.below(3) == 0 ? 0x7F : byte)
        }
        guard var value = withSlice(bytes, { HyperLogLog($0) }) else { return }
        var registers = HyperLogLogRegisters()
        let isWhole = (try? withSlice(bytes) { try registers.merge($0) }) != nil
        _ = value.runsText
        for _ in 0..<200 {
            _ = try? value.raise(
                HyperLogLogRegister(index: random.below(HyperLogLog.registerCount), value: UInt8(1 + random.below(51))))
        }
        if !isWhole, !value.isDense { #expect(throws: HyperLogLogCorrupted.self) { try value.makeDense() } }
    }

    /// Goal: hash and estimate are right for many. Method: the command's own test.
    @Test func selfTestPasses() { #expect(HyperLogLogSelfTest.problem() == nil) }
}
