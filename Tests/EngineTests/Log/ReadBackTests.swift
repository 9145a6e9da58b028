import Testing
import Wire

@testable import Engine

/// Goal: a result has a place for every entry asked for, and says of each failure whether asking again may help.
@Test func readBackReportsEachEntry() throws {
    let message = Message.make(
        exchange: .empty, routingKey: Borrowed("k").slice, properties: .empty, bodyBytes: 3)
    message.writeBody(Borrowed("abc").slice, at: 0)
    let buffer = RecordBuffer()
    buffer.append(.publish, payloadBytes: PublishRecord.bytes(message, queueCount: 0)) { writer in
        PublishRecord.write(message, queueCount: 0, wallMilliseconds: 0, to: &writer) { _ in }
    }
    let payload = buffer.slice.dropping(RecordFormat.headerBytes)
    let entries = (0..<6 as Range<UInt64>).map {
        ReadBackRequest.Entry(sequence: 10 + $0, place: $0, isLogged: $0 % 2 == 0)
    }
    let request = ReadBackRequest(number: 1, queueNumber: 2, level: 0, entries: entries, bytes: 18)
    let result = ReadBack.perform(request) { (place, isLogged, body) throws(LogError) in
        #expect(isLogged == (place % 2 == 0))
        switch place {
        case 1: throw .disk(LogDiskError(operation: "cannot read", file: "f", reason: "r"))
        case 2: throw .damaged(segment: "s", offset: 0, reason: "wrong checksum")
        case 3: body(.settle, payload)
        case 5: break
        default: body(.publish, payload)
        }
    }
    #expect(result.messages.map { $0 != nil } == [true, false, false, false, true, false])
    #expect(result.failures.map(\.index) == [1, 2, 3, 5])
    #expect(result.failures.map(\.isFinal) == [false, true, true, true])
    let made = result.messages.map { $0?.takeRetainedValue() }
    #expect(made[0]?.body.string == "abc" && made[0]?.header.isPersistent == true)
    #expect(made[4]?.header.logPosition == 4)
}
