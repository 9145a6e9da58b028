// The registers of one or several HyperLogLogs, one byte each, and what they say about how many elements were seen.
// Loop thread only. Next: HyperLogLog.swift (where they come from).

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The highest value of each register.
struct HyperLogLogRegisters {
    private(set) var values = [UInt8](repeating: 0, count: HyperLogLog.registerCount)

    /// Takes in what another HyperLogLog, with a valid header, has seen.
    mutating func merge(_ string: ByteSlice) throws(HyperLogLogCorrupted) {
        if HyperLogLog.isDense(string) {
            for index in values.indices {
                values[index] = max(values[index], HyperLogLog.denseRegister(index, in: string.base))
            }
            return
        }
        var index = 0
        var offset = HyperLogLog.headerBytes
        while offset < string.count {
            let second = offset + 1 < string.count ? string[offset + 1] : nil
            guard let run = HyperLogLog.run(string[offset], second), run.length <= values.count - index else {
                throw HyperLogLogCorrupted()
            }
            if run.value > 0 {
                for register in index..<index + run.length { values[register] = max(values[register], run.value) }
            }
            index += run.length
            offset += run.bytes
        }
        guard index == values.count else { throw HyperLogLogCorrupted() }
    }

    /// Values that a register of a hash of 64 bits can have, and of six bits.
    private static let valueMax = 64 - HyperLogLog.indexBits
    /// 1 / (2 ln 2).
    private static let alpha = 0.721347520444481703680

    /// Estimate by the improved raw estimator: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
    /// sketches", 2017.
    var cardinality: UInt64 {
        let count = Double(values.count)
        var histogram = [Int](repeating: 0, count: 64)
        for value in values { histogram[Int(value)] += 1 }
        var sum = count * Self.tau((count - Double(histogram[Self.valueMax + 1])) / count)
        for value in stride(from: Self.valueMax, through: 1, by: -1) { sum = (sum + Double(histogram[value])) * 0.5 }
        sum += count * Self.sigma(Double(histogram[0]) / count)
        return UInt64((Self.alpha * count * count / sum).rounded(.toNearestOrAwayFromZero))
    }

    private static func sigma(_ start: Double) -> Double {
        guard start != 1 else { return .infinity }
        var x = start
        var weight = 1.0
        var sum = x
        while true {
            x *= x
            let before = sum
            sum += x * weight
            weight += weight
            if sum == before { return sum }
        }
    }

    private static func tau(_ start: Double) -> Double {
        guard start != 0, start != 1 else { return 0 }
        var x = start
        var weight = 1.0
        var sum = 1 - x
        while true {
            x = x.squareRoot()
            let before = sum
            weight *= 0.5
            sum -= (1 - x) * (1 - x) * weight
            if sum == before { return sum / 3 }
        }
    }
}
