// A place on Earth and its geohash: two angles as numbers of 26 bits, their bits in turn, kept as the score of a
// sorted set. Arithmetic in Redis's order, since scores must be the same to the last bit.
// Loop thread only. Next: GeoArea.swift (which cells a search looks into), ../Commands/GeoCommands.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Longitude and latitude in degrees, within the square of the Web Mercator projection.
struct GeoPoint {
    var longitude: Double
    var latitude: Double

    static let longitudes = -180.0...180.0
    /// Of EPSG:3857.
    static let latitudes = -85.05112878...85.05112878
    /// Mean radius of Earth, metres.
    static let earthRadius = 6_372_797.560856

    static func radians(_ degrees: Double) -> Double { degrees * (Double.pi / 180) }
    static func degrees(_ radians: Double) -> Double { radians / (Double.pi / 180) }

    /// Whether a geohash can say where it is.
    var isRepresentable: Bool { Self.longitudes.contains(longitude) && Self.latitudes.contains(latitude) }

    init(longitude: Double, latitude: Double) {
        self.longitude = longitude
        self.latitude = latitude
    }

    /// The middle of the cell that a score names; any score gives some place.
    init(score: Double) {
        self.init(GeoCell(bits: Self.bits(score), steps: GeoCell.stepsMax))
    }

    init(_ cell: GeoCell) {
        func middle(_ part: (min: Double, max: Double), _ range: ClosedRange<Double>) -> Double {
            min(max((part.min + part.max) / 2, range.lowerBound), range.upperBound)
        }
        let (longitudes, latitudes) = cell.bounds
        longitude = middle(longitudes, Self.longitudes)
        latitude = middle(latitudes, Self.latitudes)
    }

    /// As C's conversion works on the processors at hand; scores of other origin may be negative or infinite.
    private static func bits(_ score: Double) -> UInt64 {
        if let small = Int64(exactly: score.rounded(.towardZero)) { return UInt64(bitPattern: small) }
        return UInt64(exactly: score.rounded(.towardZero)) ?? (score > 0 ? 0 : 1 << 63)
    }

    /// Of the finest cell with the place.
    var score: Double { Double(GeoCell(self, steps: GeoCell.stepsMax).bits) }

    // MARK: Distance

    /// Along the surface, metres; haversine formula.
    func distance(to other: GeoPoint) -> Double {
        let v = sin((Self.radians(other.longitude) - Self.radians(longitude)) / 2)
        guard v != 0 else { return Self.latitudeDistance(latitude, other.latitude) }
        let from = Self.radians(latitude)
        let to = Self.radians(other.latitude)
        let u = sin((to - from) / 2)
        return 2 * Self.earthRadius * asin((u * u + cos(from) * cos(to) * v * v).squareRoot())
    }

    /// Between two parallels, metres.
    static func latitudeDistance(_ from: Double, _ to: Double) -> Double {
        earthRadius * abs(radians(to) - radians(from))
    }

    // MARK: Text

    /// The geohash of eleven characters that other programs know, over the whole range of latitudes.
    func withText<R>(_ body: (ByteSlice) -> R) -> R {
        let alphabet: StaticString = "0123456789bcdefghjkmnpqrstuvwxyz"
        let bits = GeoCell(self, steps: GeoCell.stepsMax, latitudes: -90.0...90.0).bits
        return withUnsafeTemporaryAllocation(byteCount: 11, alignment: 1) { buffer in
            // 52 bits are ten characters of five; the eleventh is always the first letter.
            for index in 0..<10 { buffer[index] = alphabet.utf8Start[Int(bits >> UInt64(52 - (index + 1) * 5)) & 31] }
            buffer[10] = alphabet.utf8Start[0]
            return body(ByteSlice(UnsafeRawBufferPointer(buffer)))
        }
    }
}

/// A cell of the grid with 2^steps columns and rows; the bits of the row stand at even places.
struct GeoCell: Equatable {
    var bits: UInt64
    var steps: Int

    static let stepsMax = 26

    init(bits: UInt64, steps: Int) {
        self.bits = bits
        self.steps = steps
    }

    /// The cell with a point.
    init(_ point: GeoPoint, steps: Int, latitudes: ClosedRange<Double> = GeoPoint.latitudes) {
        func number(_ degrees: Double, _ range: ClosedRange<Double>) -> UInt64 {
            let share = (degrees - range.lowerBound) / (range.upperBound - range.lowerBound)
            return UInt64(share * Double(UInt64(1) << UInt64(steps)))
        }
        precondition(point.isRepresentable && (1...Self.stepsMax).contains(steps))
        bits =
            Self.spread(number(point.latitude, latitudes))
            | Self.spread(number(point.longitude, GeoPoint.longitudes)) << 1
        self.steps = steps
    }

    private static let masks: [(UInt64, UInt64)] = [
        (16, 0x0000_FFFF_0000_FFFF), (8, 0x00FF_00FF_00FF_00FF), (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333), (1, 0x5555_5555_5555_5555),
    ]

    /// The low 32 bits, at even places.
    private static func spread(_ number: UInt64) -> UInt64 {
        masks.reduce(number & 0xFFFF_FFFF) { ($0 | $0 << $1.0) & $1.1 }
    }

    /// The bits at even places, together.
    private static func gather(_ bits: UInt64) -> UInt64 {
        var number = bits & 0x5555_5555_5555_5555
        for (index, (shift, _)) in masks.enumerated().reversed() {
            number = (number | number >> shift) & (index > 0 ? masks[index - 1].1 : 0xFFFF_FFFF)
        }
        return number
    }

    /// Degrees between which it lies.
    var bounds: (longitudes: (min: Double, max: Double), latitudes: (min: Double, max: Double)) {
        func part(_ number: UInt64, _ range: ClosedRange<Double>) -> (min: Double, max: Double) {
            let size = range.upperBound - range.lowerBound
            let cells = Double(UInt64(1) << UInt64(steps))
            return (
                range.lowerBound + Double(number) / cells * size, range.lowerBound + Double(number + 1) / cells * size
            )
        }
        return (part(Self.gather(bits >> 1), GeoPoint.longitudes), part(Self.gather(bits), GeoPoint.latitudes))
    }

    /// The cell so many columns and rows away (−1, 0, 1); beyond the edge it goes on at the other one.
    func neighbor(columns: Int, rows: Int) -> GeoCell {
        func moved(_ number: UInt64, _ distance: Int) -> UInt64 {
            guard distance != 0 else { return number }
            return (number &+ UInt64(bitPattern: Int64(distance))) & (1 << UInt64(steps) - 1)
        }
        let column = moved(Self.gather(bits >> 1), columns)
        let row = moved(Self.gather(bits), rows)
        return GeoCell(bits: Self.spread(row) | Self.spread(column) << 1, steps: steps)
    }

    /// Scores of the points in it: from `min`, below `max`.
    var scores: ScoreRange {
        let shift = UInt64(52 - steps * 2)
        return ScoreRange(min: Double(bits << shift), max: Double((bits + 1) << shift), excludesMax: true)
    }
}
