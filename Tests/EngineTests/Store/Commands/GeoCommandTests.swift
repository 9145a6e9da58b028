import Testing
import Wire

@testable import Engine

/// Replies recorded from Redis 7.0.
struct GeoCommandTests {
    private let harness = StoreHarness(journals: true)

    private func sicily() -> StoreTestClient {
        let client = harness.connect()
        #expect(client.send("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania") == ":2")
        #expect(client.send("GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2") == ":2")
        return client
    }

    @Test func placesAndDistances() throws {
        let client = sicily()
        #expect(client.send("ZSCORE g Palermo") == "$16 3479099956230698")
        #expect(client.send("GEODIST g Palermo Catania") == "$11 166274.1516")
        #expect(client.send("GEODIST g Palermo Catania KM") == "$8 166.2742")
        #expect(client.send("GEODIST g Palermo none") == "$-1")
        #expect(client.send("GEODIST g Palermo Catania yd").hasPrefix("-ERR unsupported unit provided."))
        #expect(client.send("GEOHASH g Palermo none") == "*2 $11 sqc8b49rny0 $-1")
        #expect(
            client.send("GEOPOS g Palermo none")
                == "*2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1")
        #expect(client.send("GEOADD g CH 13.361389 38.2 Palermo") == ":1")
        #expect(client.send("GEOADD g NX 1 1 Palermo") == ":0")
        #expect(client.send("GEOADD none XX 1 1 Palermo") == ":0")
        #expect(client.send("EXISTS none") == ":0")
        #expect(client.send("GEOADD g 181 1 x") == "-ERR invalid longitude,latitude pair 181.000000,1.000000")
        #expect(client.send("GEOADD g x 1 x") == "-ERR value is not a valid float")
        #expect(client.send("GEOADD g NX XX 1 1 x") == "-ERR syntax error")
        let replayed = try harness.replayed()
        #expect(differences(harness.store.description(), replayed.store.description()) == [])
    }

    @Test func searches() throws {
        let client = sicily()
        #expect(
            client.send("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC") == "*2 $7 Catania $7 Palermo")
        #expect(
            client.send("GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST COUNT 3")
                == "*3 *2 $7 Catania $7 56.4413 *2 $7 Palermo $8 190.4424 *2 $5 edge2 $8 279.7403")
        #expect(client.send("GEORADIUS g 15 37 100 km WITHHASH") == "*1 *2 $7 Catania :3479447370796909")
        #expect(client.send("GEORADIUSBYMEMBER g Palermo 10 km STORE d") == ":1")
        #expect(client.send("ZSCORE d Palermo") == "$16 3479099956230698")
        #expect(client.send("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km STOREDIST") == ":3")
        #expect(client.send("ZCOUNT d 166 167") == ":1")
        #expect(client.send("GEORADIUS g 0 0 1 m STORE d") == ":0")
        #expect(client.send("EXISTS d") == ":0")
        #expect(client.send("GEORADIUS none 0 0 1 m") == "*0")
        #expect(client.send("GEOSEARCH g FROMMEMBER x BYRADIUS 1 m") == "-ERR could not decode requested zset member")
        #expect(
            client.send("GEOSEARCH g BYRADIUS 1 m ASC DESC")
                == "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH")
        #expect(
            client.send("GEORADIUS g 1 1 1 m STORE d WITHDIST")
                == "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        #expect(client.send("GEORADIUS g 1 1 1 m ANY") == "-ERR the ANY argument requires COUNT argument")
        #expect(
            client.send("COMMAND GETKEYS GEORADIUS g 1 1 1 m STORE a STOREDIST b") == "*3 $1 g $1 a $1 b")
        let replayed = try harness.replayed()
        #expect(differences(harness.store.description(), replayed.store.description()) == [])
    }

    /// Goal: scores that no GEOADD made stop nothing. Method: any numbers, through every command.
    @Test func strangeScoresAreSurvived() {
        let client = harness.connect()
        for score in ["-1", "inf", "-inf", "1e300", "-1e300", "18446744073709551615", "9223372036854775808", "0.5"] {
            client.send("ZADD g \(score) m\(score)")
            client.send("GEOPOS g m\(score)")
            client.send("GEOHASH g m\(score)")
            client.send("GEODIST g m\(score) m0.5")
            for radius in ["0", "1", "1e6", "1e308", "inf"] {
                client.send("GEOSEARCH g FROMMEMBER m\(score) BYRADIUS \(radius) km WITHCOORD WITHHASH WITHDIST")
                client.send("GEOSEARCH g FROMLONLAT 180 85.05112878 BYBOX \(radius) \(radius) mi WITHHASH")
                client.send("GEOSEARCH g FROMLONLAT -180 -85.05112878 BYBOX 0 \(radius) mi WITHHASH")
            }
        }
        #expect(client.send("PING") == "+PONG")
    }
}

struct GeoCellTests {
    /// Goal: a search finds what is within. Method: random points and areas against a test of every point; seed
    /// replays. Away from the poles and the date line, where the grid is no help in Redis either.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func cellsCoverTheArea(seed: UInt64) {
        var random = RandomSource(seed: seed)
        func angle(_ range: ClosedRange<Double>) -> Double {
            range.lowerBound + (range.upperBound - range.lowerBound) * Double(random.below(1 << 30)) / Double(1 << 30)
        }
        let points = (0..<300).map { _ in
            GeoPoint(score: GeoPoint(longitude: angle(-20...20), latitude: angle(-30...30)).score)
        }
        for _ in 0..<40 {
            let center = GeoPoint(longitude: angle(-15...15), latitude: angle(-25...25))
            let size = [1.0, 50, 400, 1_500][random.below(4)]
            let isCircle = random.below(2) == 0
            let area = GeoArea(
                center: center, shape: isCircle ? .circle(radius: size) : .box(width: size, height: size * 2),
                unit: 1_000)
            let cells = area.cells
            for point in points where area.distance(to: point) != nil {
                let found = cells.count { !$0.scores.isBelow(point.score) && !$0.scores.isAbove(point.score) }
                #expect(found == 1)
            }
        }
    }
}
