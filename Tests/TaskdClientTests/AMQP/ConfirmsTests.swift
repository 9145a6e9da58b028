import NIOPosix
import Testing

@testable import TaskdClient

/// Goal: every publish is settled once, by the acknowledgement that covers it. Method: random single and
/// multiple acknowledgements against a set of open tags; the seed of the step order is the argument.
@Test(arguments: 1...20)
func confirmsSettleEachPublishOnce(seed: Int) throws {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    var confirms = Confirms()
    var open: [UInt64] = []
    var next: UInt64 = 1
    var state = UInt64(seed)
    func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
    for _ in 0..<500 {
        if random(3) > 0 || open.isEmpty {
            confirms.publish(.init(promise: loop.makePromise(), mandatory: nil))
            open.append(next)
            next += 1
        } else {
            let tag = open[random(open.count)]
            let isMultiple = random(2) == 0
            let settled = confirms.settle(tag, multiple: isMultiple)
            let expected = isMultiple ? open.filter { $0 <= tag } : [tag]
            #expect(settled.count == expected.count, "seed \(seed)")
            open.removeAll { expected.contains($0) }
            for one in settled { one.promise.succeed() }
            let again = confirms.settle(tag, multiple: false)
            #expect(again.isEmpty)
        }
        #expect(confirms.isEmpty == open.isEmpty)
    }
    for one in confirms.settle(0, multiple: true) { one.promise.succeed() }
    #expect(confirms.isEmpty)
}

@Test func returnsFindTheirPublish() {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    var confirms = Confirms()
    confirms.publish(.init(promise: loop.makePromise(), mandatory: nil))
    confirms.publish(.init(promise: loop.makePromise(), mandatory: ("e", "k")))
    confirms.publish(.init(promise: loop.makePromise(), mandatory: ("e", "k")))
    let error = AMQPClientError.returned(code: 312, text: "NO_ROUTE")
    let foundOther = confirms.noteReturn(error, exchange: "e", routingKey: "other")
    let found = confirms.noteReturn(error, exchange: "e", routingKey: "k")
    #expect(!foundOther && found)
    let settled = confirms.settle(3, multiple: true)
    #expect(settled.map(\.returned) == [nil, error, nil])
    for one in settled { one.promise.succeed() }
}
