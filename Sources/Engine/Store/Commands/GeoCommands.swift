// Places as members of sorted sets: adding them, where they are, how far apart. The score is a geohash, so ZRANGE,
// ZREM and all others work on them.
// Loop thread only. Next: GeoSearchCommands.swift, ../Types/GeoPoint.swift.

import Wire

extension RESPCommand {
    static let geoCommands: [RESPCommand] = [geoadd, geodist, geohash, geopos]

    /// `GEOADD key [NX|XX] [CH] longitude latitude member …` → number of new members (CH: of changed ones).
    static let geoadd = RESPCommand(
        "GEOADD", .atLeast(5), [.write, .denyOOM], keys: .first, group: .geo, since: "3.2.0",
        summary: "Adds members with their places to a sorted set, or moves them.",
        complexity: "O(log(N)) for each member, N being the size of the set"
    ) { call throws(CommandError) in
        try call.addPlaces()
    }

    /// `GEODIST key member member [M|KM|FT|MI]` → distance with four decimals, null without both members.
    static let geodist = RESPCommand(
        "GEODIST", .atLeast(4), [.readonly], keys: .first, group: .geo, since: "3.2.0",
        summary: "Returns the distance between two members."
    ) { call throws(CommandError) in
        guard call.count <= 5 else { throw .syntax }
        let unit = call.count == 5 ? try call.unitMetres(4) : 1
        guard let set = try call.keys.read(call[1], as: SortedSetValue.self), let from = set.score(of: call[2]),
            let to = set.score(of: call[3])
        else { return call.reply.null() }
        call.replyDistance(GeoPoint(score: from).distance(to: GeoPoint(score: to)) / unit)
    }

    /// `GEOHASH key [member …]` → array of geohashes of eleven characters, null for absent members.
    static let geohash = RESPCommand(
        "GEOHASH", .atLeast(2), [.readonly], keys: .first, group: .geo, since: "3.2.0",
        summary: "Returns the geohashes of members as text.", complexity: "O(1) for each member"
    ) { call throws(CommandError) in
        try call.replyForPlaces { place in
            guard let place else { return call.reply.null() }
            place.withText { call.reply.bulk($0) }
        }
    }

    /// `GEOPOS key [member …]` → array of longitude and latitude, null for absent members.
    static let geopos = RESPCommand(
        "GEOPOS", .atLeast(2), [.readonly], keys: .first, group: .geo, since: "3.2.0",
        summary: "Returns the places of members.", complexity: "O(1) for each member"
    ) { call throws(CommandError) in
        try call.replyForPlaces { place in
            if let place { call.replyPlace(place) } else { call.reply.nullArray() }
        }
    }
}

extension CommandCall {
    /// Longitude and latitude, from these two arguments.
    func place(_ index: Int) throws(CommandError) -> GeoPoint {
        let point = GeoPoint(longitude: try double(index), latitude: try double(index + 1))
        guard point.isRepresentable else {
            throw .message(
                "ERR invalid longitude,latitude pair \(Self.sixDecimals(point.longitude)),"
                    + Self.sixDecimals(point.latitude))
        }
        return point
    }

    /// As C's `%f`.
    private static func sixDecimals(_ value: Double) -> String {
        FixedText.with(value, decimals: 6) { $0.string }
    }

    /// Metres in the unit that the argument names.
    func unitMetres(_ index: Int) throws(CommandError) -> Double {
        if word(index, is: "m") { return 1 }
        if word(index, is: "km") { return 1_000 }
        if word(index, is: "ft") { return 0.3048 }
        if word(index, is: "mi") { return 1_609.34 }
        throw .text("ERR unsupported unit provided. please use M, KM, FT, MI")
    }

    func replyDistance(_ distance: Double) {
        FixedText.with(distance, decimals: 4) { reply.bulk($0) }
    }

    /// An array with what `body` replies for the place of each member named, nil for absent ones.
    func replyForPlaces(_ body: (GeoPoint?) -> Void) throws(CommandError) {
        let set = try keys.read(self[1], as: SortedSetValue.self)
        reply.array(count - 2)
        for index in 2..<max(2, count) { body(set?.score(of: self[index]).map { GeoPoint(score: $0) }) }
    }

    /// Longitude and latitude with up to 17 decimals: doubles in RESP3, bulk strings in RESP2.
    func replyPlace(_ point: GeoPoint) {
        reply.array(2)
        for angle in [point.longitude, point.latitude] {
            ExtendedText.with(ExtendedDouble(angle)) { text in
                guard reply.isRESP3 else { return reply.bulk(text) }
                reply.raw(",")
                reply.output.append(text.array)
                reply.raw("\r\n")
            }
        }
    }

    fileprivate func addPlaces() throws(CommandError) {
        var options = SortedSetAddition()
        var first = 2
        while first < count {
            if word(first, is: "nx") {
                options.onlyNew = true
            } else if word(first, is: "xx") {
                options.onlyExisting = true
            } else if word(first, is: "ch") {
                options.countsChanged = true
            } else {
                break
            }
            first += 1
        }
        guard first < count, (count - first) % 3 == 0, !(options.onlyNew && options.onlyExisting) else {
            throw .syntax
        }
        for index in stride(from: first, to: count, by: 3) { _ = try place(index) }
        let existing = try keys.write(self[1], as: SortedSetValue.self)
        guard existing != nil || !options.onlyExisting else { return reply.integer(0) }
        let set = try keep(existing, at: 1) { SortedSetValue() }
        set.expect(memberCount: (count - first) / 3)
        var added = 0
        var changed = 0
        for index in stride(from: first, to: count, by: 3) {
            let given = try place(index).score
            set.update(self[index + 2]) { old in
                guard let new = options.score(old: old, given: given) else { return nil }
                if old == nil { added += 1 } else if old != new { changed += 1 }
                return new
            }
        }
        reply.integer(options.countsChanged ? added + changed : added)
        if added + changed > 0 { keys.modified(self[1], .sortedSet, "zadd") }
    }
}
