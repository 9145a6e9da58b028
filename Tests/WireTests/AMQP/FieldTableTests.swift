import Testing
import Wire

/// All types once, written out by hand.
private let everyType: [UInt8] = [
    1, 0x61, 0x74, 1,  // a: t true
    1, 0x62, 0x62, 0xFF,  // b: b −1
    1, 0x63, 0x42, 0xFF,  // c: B 255
    1, 0x64, 0x73, 0xFF, 0xFE,  // d: s −2
    1, 0x65, 0x75, 0xFF, 0xFE,  // e: u 65534
    1, 0x66, 0x49, 0xFF, 0xFF, 0xFF, 0xFD,  // f: I −3
    1, 0x67, 0x69, 0xFF, 0xFF, 0xFF, 0xFD,  // g: i 4294967293
    1, 0x68, 0x6C, 0x80, 0, 0, 0, 0, 0, 0, 0,  // h: l Int64.min
    1, 0x69, 0x4C, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,  // i: L Int64.max
    1, 0x6A, 0x66, 0x3F, 0xC0, 0, 0,  // j: f 1.5
    1, 0x6B, 0x64, 0xBF, 0xD0, 0, 0, 0, 0, 0, 0,  // k: d −0.25
    1, 0x6C, 0x44, 2, 0, 0, 0x01, 0x3A,  // l: D 3.14
    1, 0x6D, 0x53, 0, 0, 0, 2, 0xC3, 0xA9,  // m: S é
    1, 0x6E, 0x78, 0, 0, 0, 2, 0xFF, 0x00,  // n: x
    1, 0x6F, 0x41, 0, 0, 0, 3, 0x56, 0x74, 0,  // o: A [void, false]
    1, 0x70, 0x46, 0, 0, 0, 4, 1, 0x7A, 0x42, 7,  // p: F {z: 7}
    1, 0x71, 0x54, 0, 0, 0, 0, 0x5F, 0x00, 0x00, 0x01,  // q: T
    1, 0x72, 0x56,  // r: V
]

private let everyTypeOwned: FieldTable = [
    "a": .boolean(true), "b": .int8(-1), "c": .uint8(255), "d": .int16(-2), "e": .uint16(65_534),
    "f": .int32(-3), "g": .uint32(4_294_967_293), "h": .int64(.min), "i": .int64Alternate(.max),
    "j": .float(1.5), "k": .double(-0.25), "l": .decimal(scale: 2, value: 314), "m": .string("é"),
    "n": .bytes([0xFF, 0]), "o": .array([.void, .boolean(false)]), "p": .table(["z": .uint8(7)]),
    "q": .timestamp(0x5F00_0001), "r": .void,
]

@Test func tableOfEveryTypeDecodesAndEncodes() throws {
    try everyType.withUnsafeBytes { buffer in
        let view = FieldTableView(ByteSlice(buffer))
        try view.validate()
        let owned = try FieldTable(view)
        #expect(owned == everyTypeOwned)
        #expect(owned.encoded == everyType)
        #expect(owned.entries.map(\.value.type) == FieldType.allCases)
        #expect(try view.value("f")?.integer == -3)
        #expect(try view.value("g")?.integer == 4_294_967_293)
        #expect(try view.value("i")?.integer == .max)
        #expect(try view.value("a")?.boolean == true)
        #expect(try view.value("j")?.real == 1.5)
        #expect(try view.value("m")?.longString?.string == "é")
        #expect(try view.value("p")?.table?.value("z")?.integer == 7)
        #expect(try view.value("q")?.timestamp == 0x5F00_0001)
        #expect(try view.value("l")?.decimal?.value == 314)
        #expect(try view.value("r")?.isVoid == true)
        #expect(try view.value("missing") == nil)
    }
}

/// Every truncation that does not fall between two entries is an error; none crashes.
@Test func truncatedTableIsRefused() {
    var ends: Set<Int> = [0]
    for entry in everyTypeOwned.entries {
        var one = FieldTable()
        one.entries = [entry]
        ends.insert(ends.max()! + one.encoded.count)
    }
    for count in 0...everyType.count {
        everyType.withUnsafeBytes { buffer in
            let slice = ByteSlice(base: buffer.baseAddress!, count: count)
            let isValid = (try? FieldTableView(slice).validate()) != nil
            #expect(isValid == ends.contains(count), "\(count) bytes")
            #expect(((try? FieldTable(slice)) != nil) == isValid)
        }
    }
}

@Test func unknownTypeIsRefused() {
    let known = Set(FieldType.allCases.map(\.rawValue))
    for tag in 0...255 as ClosedRange<UInt8> where !known.contains(tag) {
        let bytes: [UInt8] = [1, 0x61, tag, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(throws: FrameError.malformedTable) {
            try bytes.withUnsafeBytes { try FieldTableView(ByteSlice($0)).validate() }
        }
    }
}

/// Nesting is bounded: as deep as the limit passes, one more is refused, and 10,000 do no harm.
@Test(arguments: [FieldType.table, FieldType.array])
func nestingIsBounded(kind: FieldType) throws {
    func nested(_ depth: Int) -> [UInt8] {
        var value = FieldValue.void
        for _ in 0..<depth { value = kind == .table ? .table(["k": value]) : .array([value]) }
        return (["k": value] as FieldTable).encoded
    }
    func check(_ depth: Int) throws {
        try nested(depth).withUnsafeBytes { buffer in
            try FieldTableView(ByteSlice(buffer)).validate()
            _ = try FieldTable(ByteSlice(buffer))
        }
    }
    try check(FieldTableLimits.depthMax - 1)
    #expect(throws: FrameError.tableTooDeep) { try check(FieldTableLimits.depthMax) }
    var bytes: [UInt8] = []
    // From the inside out, by hand: 10,000 levels of encoding would recurse in the test itself.
    for _ in 0..<10_000 {
        var writer = ByteWriter()
        if kind == .table { writer.writeShortString([0x6B]) }
        writer.writeUInt8(kind.rawValue)
        writer.writeUInt32(UInt32(bytes.count))
        bytes = writer.bytes + bytes
        if bytes.count > 60_000 { break }
    }
    if kind == .array { bytes = [1, 0x6B] + bytes }
    #expect(throws: FrameError.tableTooDeep) {
        try bytes.withUnsafeBytes { try FieldTableView(ByteSlice($0)).validate() }
    }
}

@Test func equivalenceIgnoresWidthsAndOrder() {
    let narrow: [FieldValue] = [.int8(5), .uint8(5), .int16(5), .uint16(5), .int32(5), .uint32(5), .int64(5)]
    for left in narrow {
        for right in narrow { #expect(left.isEquivalent(to: right)) }
        #expect(!left.isEquivalent(to: .string("5")))
        #expect(!left.isEquivalent(to: .double(5)))
        #expect(!left.isEquivalent(to: .boolean(true)))
    }
    #expect(FieldValue.float(1.5).isEquivalent(to: .double(1.5)))
    #expect(!FieldValue.longString([1]).isEquivalent(to: .bytes([1])))
    let left: FieldTable = ["a": .int8(1), "b": .array([.int32(2)])]
    let right: FieldTable = ["b": .array([.int64(2)]), "a": .uint32(1)]
    #expect(left.isEquivalent(to: right) && left != right)
    #expect(!left.isEquivalent(to: ["a": .int8(1)]))
    #expect(!left.isEquivalent(to: ["a": .int8(1), "c": .array([.int32(2)])]))
}

@Test func borrowedEquivalenceIsTheOwnedOne() throws {
    var samples = everyTypeOwned.entries.map(\.value)
    samples += [.int64(-1), .uint64Like, .string("ff"), .double(1.5), .boolean(false), .uint8(1)]
    for left in samples {
        for right in samples {
            let bytes = (["l": left, "r": right] as FieldTable).encoded
            try bytes.withUnsafeBytes { buffer in
                let view = FieldTableView(ByteSlice(buffer))
                let first = try #require(try view.value("l")), second = try #require(try view.value("r"))
                #expect(first.isEquivalent(to: second) == left.isEquivalent(to: right))
            }
        }
    }
}

extension FieldValue {
    fileprivate static var uint64Like: FieldValue { .int64(4_294_967_293) }
}

@Test func tableEditingKeepsOrder() {
    var table: FieldTable = ["a": 1, "b": "two", "c": true]
    table["b"] = 3
    table["d"] = .void
    table["a"] = nil
    #expect(table.entries.map { String(decoding: $0.key, as: UTF8.self) } == ["b", "c", "d"])
    #expect(table["b"]?.integer == 3 && table["b"]?.type == .int32)
    #expect(FieldValue(integerLiteral: 1 << 40).type == .int64)
}
