import Testing
import Wire

private func full() -> BasicProperties {
    var properties = BasicProperties()
    properties.contentType = Array("application/json".utf8)
    properties.contentEncoding = Array("utf-8".utf8)
    properties.headers = ["task": "tasks.add", "retries": 0, "eta": .void, "nested": .table(["a": 1])]
    properties.deliveryMode = 2
    properties.priority = 7
    properties.correlationID = Array("corr".utf8)
    properties.replyTo = Array("reply".utf8)
    properties.expiration = Array("60000".utf8)
    properties.messageID = Array("mid".utf8)
    properties.timestamp = 1_600_000_000
    properties.type = Array("type".utf8)
    properties.userID = Array("guest".utf8)
    properties.appID = Array("app".utf8)
    properties.clusterID = Array("c".utf8)
    return properties
}

@Test func propertiesRoundTripInEveryCombination() throws {
    let whole = full()
    for mask in 0..<(1 << 14) where mask % 7 == 0 || mask < 64 || mask == (1 << 14) - 1 {
        var properties = whole
        if mask & 1 == 0 { properties.contentType = nil }
        if mask & 2 == 0 { properties.contentEncoding = nil }
        if mask & 4 == 0 { properties.headers = nil }
        if mask & 8 == 0 { properties.deliveryMode = nil }
        if mask & 16 == 0 { properties.priority = nil }
        if mask & 32 == 0 { properties.correlationID = nil }
        if mask & 64 == 0 { properties.replyTo = nil }
        if mask & 128 == 0 { properties.expiration = nil }
        if mask & 256 == 0 { properties.messageID = nil }
        if mask & 512 == 0 { properties.timestamp = nil }
        if mask & 1_024 == 0 { properties.type = nil }
        if mask & 2_048 == 0 { properties.userID = nil }
        if mask & 4_096 == 0 { properties.appID = nil }
        if mask & 8_192 == 0 { properties.clusterID = nil }
        let bytes = properties.encoded
        try bytes.withUnsafeBytes { buffer in
            let view = try BasicPropertiesView(ByteSlice(buffer))
            try view.validateHeaders()
            let decoded = try BasicProperties(view)
            #expect(decoded == properties)
            #expect(view.deliveryMode == properties.deliveryMode ?? 0)
            #expect(view.isPersistent == (properties.deliveryMode == 2))
            #expect(view.priority == properties.priority ?? 0)
            #expect(view.expiration?.array == properties.expiration)
            #expect(view.replyTo?.array == properties.replyTo)
            #expect(view.userID?.array == properties.userID)
            #expect(view.timestamp == properties.timestamp)
            #expect(view.headers?.bytes.array == properties.headers?.encoded)
            #expect(view.text(.appID)?.array == properties.appID)
        }
    }
}

@Test func propertiesHaveTheSpecificationsBytes() throws {
    var properties = BasicProperties()
    #expect(properties.encoded == [0, 0])
    properties.deliveryMode = 2
    #expect(properties.encoded == [0x10, 0, 2])
    properties.contentType = [0x61]
    properties.headers = ["k": .uint8(1)]
    properties.clusterID = [0x62]
    #expect(properties.encoded == [0xB0, 0x04, 1, 0x61, 0, 0, 0, 4, 1, 0x6B, 0x42, 1, 2, 1, 0x62])
}

/// Truncated or with bytes left over: refused. The two lowest bits of the flags are ignored, as in RabbitMQ.
@Test func propertiesAreCheckedToTheLastByte() {
    func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        Array(bytes).withUnsafeBytes { (try? BasicPropertiesView(ByteSlice($0))) != nil }
    }
    let bytes = full().encoded
    for count in 0..<bytes.count { #expect(!isValid(bytes[..<count]), "\(count) bytes") }
    #expect(isValid(bytes) && !isValid(bytes + [0]))
    #expect(!isValid([]) && !isValid([0]) && isValid([0, 0]) && !isValid([0, 0, 0]))
    #expect(isValid([0x10, 3, 2]) && isValid([0, 3]))
    #expect(!isValid([0x20, 0, 0xFF, 0xFF, 0xFF, 0xFF]))
}

/// Dead-lettering's edit: new headers, no expiration, everything else byte for byte.
@Test func replacingChangesOnlyWhatItNames() throws {
    let original = full()
    let bytes = original.encoded
    let headers: FieldTable = ["x-death": .array([.table(["count": .int64(1)])])]
    try bytes.withUnsafeBytes { buffer in
        let view = try BasicPropertiesView(ByteSlice(buffer))
        var expected = original
        expected.headers = headers
        expected.expiration = nil
        #expect(view.replacing(headers: headers.encoded, dropping: [.expiration]) == expected.encoded)
        expected.headers = nil
        #expect(view.replacing(headers: nil, dropping: [.expiration]) == expected.encoded)
        #expect(view.replacing(headers: original.headers?.encoded) == bytes)
    }
    let bare: [UInt8] = [0, 0]
    try bare.withUnsafeBytes { buffer in
        let view = try BasicPropertiesView(ByteSlice(buffer))
        #expect(view.replacing(headers: [1, 0x6B, 0x56]) == [0x20, 0, 0, 0, 0, 3, 1, 0x6B, 0x56])
    }
}
