import Testing
import Wire

@testable import Engine

/// Goal: deliveries are found by tag whatever was settled before, and holes do not accumulate.
/// Method: same random steps on a dictionary; seed replays.
@Test(arguments: 1...32 as ClosedRange<UInt64>)
func unackedEntriesBehaveAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let fixture = BrokerFixture()
    let client = fixture.client()
    _ = try! client.declare("q")
    let queue = Unmanaged.passUnretained(fixture.queue("q")!)
    var unacked = UnackedEntries()
    var model: [UInt64: UInt64] = [:]
    var next: UInt64 = 1
    for _ in 0..<3_000 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<4:
            let message = Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: 0)
            let entry = QueueEntry(
                retaining: message, sequence: next * 7, expiry: QueueEntry.never, priority: 0, isLogged: false)
            unacked.append(UnackedEntry(tag: next, entry: entry, queue: queue, consumer: nil))
            model[next] = next * 7
            next += 1
        case 4..<7:
            let tag = UInt64.random(in: 0...next, using: &random)
            if let index = unacked.index(of: tag) {
                let taken = unacked.remove(at: index)
                #expect(taken.tag == tag && taken.entry.sequence == model.removeValue(forKey: tag))
                taken.entry.release()
            } else {
                #expect(model[tag] == nil)
            }
        default:
            guard Int.random(in: 0..<20, using: &random) == 0, let first = unacked.firstTag else { continue }
            #expect(first == model.keys.min())
            let taken = unacked.removeFirst()
            model[taken.tag] = nil
            taken.entry.release()
        }
        #expect(unacked.count == model.count)
    }
    unacked.checkInvariants()
    for entry in unacked.removeAll() { entry.entry.release() }
}

/// Goal: one message that is never settled does not make the list grow with all that follow it.
@Test func oneForgottenDeliveryCostsLittle() {
    let fixture = BrokerFixture()
    let client = fixture.client()
    _ = try! client.declare("q")
    let queue = Unmanaged.passUnretained(fixture.queue("q")!)
    var unacked = UnackedEntries()
    for tag in 1...100_000 as ClosedRange<UInt64> {
        let message = Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: 0)
        let entry = QueueEntry(
            retaining: message, sequence: tag, expiry: QueueEntry.never, priority: 0, isLogged: false)
        unacked.append(UnackedEntry(tag: tag, entry: entry, queue: queue, consumer: nil))
        guard tag > 1 else { continue }
        let index = unacked.index(of: tag)
        #expect(index != nil && index! < 4_096)
        unacked.remove(at: index!).entry.release()
    }
    #expect(unacked.index(of: 1) == 0)
    unacked.removeFirst().entry.release()
}

/// Goal: giving memory back behind the head never touches what is still held. Method: a ring of more than 65,536 places,
/// drained and refilled at random so that it wraps, full and nearly empty; sequences tell what comes out.
@Test(arguments: 1...4 as ClosedRange<UInt64>)
func longRingsKeepWhatTheyHold(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let fixture = BrokerFixture()
    let client = fixture.client()
    _ = try! client.declare("q")
    let queue = Unmanaged.passUnretained(fixture.queue("q")!)
    let message = Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: 0)
    var unacked = UnackedEntries()
    var last: UInt64 = 0
    var isWhole = true
    func fill(to count: Int) {
        while unacked.count < count {
            last += 1
            let entry = QueueEntry(
                retaining: message, sequence: last * 3, expiry: QueueEntry.never, priority: 0, isLogged: false)
            unacked.append(UnackedEntry(tag: last, entry: entry, queue: queue, consumer: nil))
        }
    }
    func drain(to count: Int) {
        while unacked.count > count {
            let tag = last - UInt64(unacked.count) + 1
            let taken = unacked.removeFirst()
            isWhole = isWhole && taken.tag == tag && taken.entry.sequence == tag * 3
            taken.entry.release()
        }
    }
    fill(to: 131_072)
    for _ in 0..<12 {
        drain(to: Int.random(in: 1...131_072, using: &random))
        fill(to: Bool.random(using: &random) ? 131_072 : Int.random(in: 1...131_072, using: &random))
        #expect(isWhole)
    }
    unacked.checkInvariants()
    drain(to: 0)
    #expect(isWhole && unacked.isEmpty)
}
