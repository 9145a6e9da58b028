// Searching members by place: GEOSEARCH, and GEORADIUS and its kin, which are the same in older words.
// Results are stored as sorted sets by geohash, or by distance.
// Loop thread only. Next: ../Types/GeoArea.swift.

import Wire

extension RESPCommand {
    static let geoSearchCommands: [RESPCommand] = [
        geosearch, geosearchstore, georadius, georadiusReadOnly, georadiusbymember, georadiusbymemberReadOnly,
    ]

    private static let searchComplexity: StaticString = "O(N+log(M)) for N members in the cells looked into, M in all"

    /// `GEOSEARCH key FROMMEMBER member|FROMLONLAT longitude latitude BYRADIUS radius unit|BYBOX width height unit
    /// [ASC|DESC] [COUNT n [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]` → array.
    static let geosearch = RESPCommand(
        "GEOSEARCH", .atLeast(7), [.readonly], keys: .first, group: .geo, since: "6.2.0",
        summary: "Returns the members within a circle or a box.", complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(isSearch: true), source: 1)
    }

    /// `GEOSEARCHSTORE destination source … [STOREDIST]` → how many were stored.
    static let geosearchstore = RESPCommand(
        "GEOSEARCHSTORE", .atLeast(8), [.write, .denyOOM], keys: .range(first: 1, last: 2, step: 1), group: .geo,
        since: "6.2.0", summary: "Stores the members within a circle or a box in a sorted set.",
        complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(isSearch: true, destination: 1), source: 2)
    }

    /// `GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT n [ANY]] [ASC|DESC]
    /// [STORE key|STOREDIST key]` → array, or how many were stored.
    static let georadius = RESPCommand(
        "GEORADIUS", .atLeast(6), [.write, .denyOOM, .movableKeys], keys: .firstAndStored(from: 6), group: .geo,
        since: "3.2.0", summary: "Returns or stores the members within a circle around a place.",
        complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(allowsStore: true), source: 1)
    }

    static let georadiusReadOnly = RESPCommand(
        "GEORADIUS_RO", .atLeast(6), [.readonly], keys: .first, group: .geo, since: "3.2.10",
        summary: "Returns the members within a circle around a place.", complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(), source: 1)
    }

    /// `GEORADIUSBYMEMBER key member radius unit …`: GEORADIUS around a member.
    static let georadiusbymember = RESPCommand(
        "GEORADIUSBYMEMBER", .atLeast(5), [.write, .denyOOM, .movableKeys], keys: .firstAndStored(from: 5),
        group: .geo, since: "3.2.0", summary: "Returns or stores the members within a circle around a member.",
        complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(isByMember: true, allowsStore: true), source: 1)
    }

    static let georadiusbymemberReadOnly = RESPCommand(
        "GEORADIUSBYMEMBER_RO", .atLeast(5), [.readonly], keys: .first, group: .geo, since: "3.2.10",
        summary: "Returns the members within a circle around a member.", complexity: searchComplexity
    ) { call throws(CommandError) in
        try call.searchPlaces(.init(isByMember: true), source: 1)
    }
}

/// What a search command says in its words.
private struct GeoQuery {
    /// Which command it is.
    struct Form {
        /// GEOSEARCH: centre and shape stand among the options.
        var isSearch = false
        var isByMember = false
        var allowsStore = false
        /// Argument with the key for the results, if the command always stores.
        var destination: Int?
    }

    var center: GeoPoint?
    var hasCenter = false
    var shape: GeoArea.Shape?
    var unit = 1.0
    var withDistance = false
    var withHash = false
    var withPlace = false
    /// Any so many, rather than the nearest.
    var isAny = false
    var count: Int64 = 0
    enum Order { case none, nearestFirst, farthestFirst }
    var order = Order.none
    var destination: Int?
    var storesDistance = false

    private let form: Form

    init(_ call: CommandCall, _ form: Form, source: Int, _ set: SortedSetValue?) throws(CommandError) {
        self.form = form
        destination = form.destination
        var index = source + 1
        if form.isByMember {
            index = 5
            // Without a set only the options count: they say which reply is due.
            if let set {
                center = try Self.place(of: call[2], in: set)
                try readCircle(call, 3)
            }
        } else if !form.isSearch {
            index = 6
            center = try call.place(2)
            try readCircle(call, 4)
        }
        while index < call.count {
            if try !readFlag(call, index), try !readStore(call, &index), try !readSearch(call, &index, set) {
                throw .syntax
            }
            index += 1
        }
        try check(call)
    }

    private static func place(of member: ByteSlice, in set: SortedSetValue) throws(CommandError) -> GeoPoint {
        guard let score = set.score(of: member) else {
            throw .text("ERR could not decode requested zset member")
        }
        return GeoPoint(score: score)
    }

    private func number(_ call: CommandCall, _ index: Int, or error: StaticString) throws(CommandError) -> Double {
        guard let value = DoubleText.parse(call[index]) else { throw .text(error) }
        return value
    }

    private mutating func readCircle(_ call: CommandCall, _ index: Int) throws(CommandError) {
        let radius = try number(call, index, or: "ERR need numeric radius")
        guard radius >= 0 else { throw .text("ERR radius cannot be negative") }
        unit = try call.unitMetres(index + 1)
        shape = .circle(radius: radius)
    }

    private mutating func readBox(_ call: CommandCall, _ index: Int) throws(CommandError) {
        let width = try number(call, index, or: "ERR need numeric width")
        let height = try number(call, index + 1, or: "ERR need numeric height")
        guard width >= 0, height >= 0 else { throw .text("ERR height or width cannot be negative") }
        unit = try call.unitMetres(index + 2)
        shape = .box(width: width, height: height)
    }

    /// Options of one word.
    private mutating func readFlag(_ call: CommandCall, _ index: Int) throws(CommandError) -> Bool {
        if call.word(index, is: "withdist") {
            withDistance = true
        } else if call.word(index, is: "withhash") {
            withHash = true
        } else if call.word(index, is: "withcoord") {
            withPlace = true
        } else if call.word(index, is: "any") {
            isAny = true
        } else if call.word(index, is: "asc") {
            order = .nearestFirst
        } else if call.word(index, is: "desc") {
            order = .farthestFirst
        } else if form.destination != nil, call.word(index, is: "storedist") {
            storesDistance = true
        } else {
            return false
        }
        return true
    }

    /// COUNT, STORE and STOREDIST, with what follows them.
    private mutating func readStore(_ call: CommandCall, _ index: inout Int) throws(CommandError) -> Bool {
        guard index + 1 < call.count else { return false }
        if call.word(index, is: "count") {
            count = try call.integer(index + 1)
            guard count > 0 else { throw .text("ERR COUNT must be > 0") }
        } else if form.allowsStore, call.word(index, is: "store") || call.word(index, is: "storedist") {
            destination = index + 1
            storesDistance = call.word(index, is: "storedist")
        } else {
            return false
        }
        index += 1
        return true
    }

    /// Centre and shape of GEOSEARCH.
    private mutating func readSearch(
        _ call: CommandCall, _ index: inout Int, _ set: SortedSetValue?
    ) throws(CommandError) -> Bool {
        guard form.isSearch else { return false }
        let left = call.count - index - 1
        if call.word(index, is: "frommember"), left >= 1, !hasCenter || isFromMember {
            if let set { center = try Self.place(of: call[index + 1], in: set) }
            hasCenter = true
            isFromMember = true
            index += 1
        } else if call.word(index, is: "fromlonlat"), left >= 2, !isFromMember {
            center = try call.place(index + 1)
            hasCenter = true
            index += 2
        } else if call.word(index, is: "byradius"), left >= 2, !isBox {
            try readCircle(call, index + 1)
            index += 2
        } else if call.word(index, is: "bybox"), left >= 3, shape == nil || isBox {
            try readBox(call, index + 1)
            index += 3
        } else {
            return false
        }
        return true
    }

    private var isFromMember = false
    private var isBox: Bool { if case .box = shape { true } else { false } }

    private func check(_ call: CommandCall) throws(CommandError) {
        if destination != nil, withDistance || withHash || withPlace {
            let name = form.isSearch ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS"
            throw .message("ERR \(name) is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        }
        if form.isSearch, !hasCenter {
            throw .message(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for \(call[0].string)")
        }
        if form.isSearch, shape == nil {
            throw .message("ERR exactly one of BYRADIUS and BYBOX can be specified for \(call[0].string)")
        }
        if isAny, count == 0 { throw .text("ERR the ANY argument requires COUNT argument") }
    }
}

/// A member found, borrowed from the set.
private struct GeoMatch {
    let member: ByteSlice
    let score: Double
    let point: GeoPoint
    /// From the centre, metres.
    let distance: Double
}

extension CommandCall {
    fileprivate func searchPlaces(_ form: GeoQuery.Form, source: Int) throws(CommandError) {
        let set = try keys.read(self[source], as: SortedSetValue.self)
        let query = try GeoQuery(self, form, source: source, set)
        guard let set, let center = query.center, let shape = query.shape else {
            guard let destination = query.destination else { return reply.array(0) }
            return storePlaces(SortedSetValue(), at: destination, isSearch: form.isSearch)
        }
        let limit = query.count > 0 ? Int(clamping: query.count) : Int.max
        let area = GeoArea(center: center, shape: shape, unit: query.unit)
        var matches = Self.matches(area, in: set, limit: query.isAny ? limit : Int.max)
        switch query.order {
        case .none where query.count == 0 || query.isAny: break
        case .none, .nearestFirst: matches.sort { $0.distance < $1.distance }
        case .farthestFirst: matches.sort { $0.distance > $1.distance }
        }
        let wanted = matches.prefix(limit)
        guard let destination = query.destination else { return replyMatches(wanted, query) }
        let result = SortedSetValue()
        result.expect(memberCount: wanted.count)
        for match in wanted {
            result.set(match.member, to: query.storesDistance ? match.distance / query.unit : match.score)
        }
        storePlaces(result, at: destination, isSearch: form.isSearch)
    }

    private static func matches(_ area: GeoArea, in set: SortedSetValue, limit: Int) -> [GeoMatch] {
        var matches: [GeoMatch] = []
        for cell in area.cells where matches.count < limit {
            set.forEach(set.ranks(cell.scores)) { member, score in
                let point = GeoPoint(score: score)
                if let distance = area.distance(to: point) {
                    matches.append(GeoMatch(member: member, score: score, point: point, distance: distance))
                }
                return matches.count < limit
            }
        }
        return matches
    }

    private func replyMatches(_ matches: ArraySlice<GeoMatch>, _ query: GeoQuery) {
        let options = [query.withDistance, query.withHash, query.withPlace].count { $0 }
        reply.array(matches.count)
        for match in matches {
            if options > 0 { reply.array(1 + options) }
            reply.bulk(match.member)
            if query.withDistance { replyDistance(match.distance / query.unit) }
            if query.withHash { reply.integer(Int64(match.score)) }
            if query.withPlace { replyPlace(match.point) }
        }
    }

    private func storePlaces(_ set: SortedSetValue, at destination: Int, isSearch: Bool) {
        reply.integer(set.count)
        if !set.isEmpty {
            keys.set(self[destination], set)
            keys.modified(self[destination], .sortedSet, isSearch ? "geosearchstore" : "georadiusstore")
        } else if keys.remove(self[destination]) {
            keys.modified(self[destination], .generic, "del")
        }
    }
}
