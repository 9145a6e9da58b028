import Testing

@testable import Engine

@Test func messagesReachWhoListens() {
    let harness = StoreHarness()
    let client = harness.connect()
    let publisher = harness.connect()
    #expect(client.send("SUBSCRIBE a b") == "*3 $9 subscribe $1 a :1 *3 $9 subscribe $1 b :2")
    #expect(client.send("PSUBSCRIBE a*") == "*3 $10 psubscribe $2 a* :3")
    #expect(publisher.send("PUBLISH a hello") == ":2")
    #expect(client.pending() == "*3 $7 message $1 a $5 hello *4 $8 pmessage $2 a* $1 a $5 hello")
    #expect(publisher.send("PUBSUB CHANNELS") == "*2 $1 b $1 a" || publisher.send("PUBSUB CHANNELS") == "*2 $1 a $1 b")
    #expect(publisher.send("PUBSUB NUMSUB a z") == "*4 $1 a :1 $1 z :0")
    #expect(publisher.send("PUBSUB NUMPAT") == ":1")
    #expect(client.send("GET k").hasPrefix("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"))
    #expect(client.send("PING") == "*2 $4 pong $0 ")
    #expect(client.send("UNSUBSCRIBE a never") == "*3 $11 unsubscribe $1 a :2 *3 $11 unsubscribe $5 never :2")
    #expect(client.send("UNSUBSCRIBE") == "*3 $11 unsubscribe $1 b :1")
    #expect(client.send("UNSUBSCRIBE") == "*3 $11 unsubscribe $-1 :1")
    #expect(client.send("PUNSUBSCRIBE") == "*3 $12 punsubscribe $2 a* :0")
    #expect(client.send("PING") == "+PONG")
    #expect(publisher.send("PUBLISH a hello") == ":0")
}

@Test func pushesInRESP3() {
    let harness = StoreHarness()
    let client = harness.connect()
    client.send("HELLO 3")
    #expect(client.send("SUBSCRIBE a") == ">3 $9 subscribe $1 a :1")
    #expect(client.send("GET k") == "_")
    #expect(client.send("PUBLISH a x") == ">3 $7 message $1 a $1 x :1")
    #expect(client.send("SSUBSCRIBE s") == ">3 $10 ssubscribe $1 s :1")
    #expect(client.send("SPUBLISH s x") == ">3 $8 smessage $1 s $1 x :1")
    #expect(client.send("UNSUBSCRIBE") == ">3 $11 unsubscribe $1 a :0")
}

/// Goal: subscribing costs the same with many channels. Method: so many that anything worse would not end.
@Test func manyChannels() {
    let harness = StoreHarness()
    let client = harness.connect()
    let count = 20_000
    for index in 0..<count { client.send("SUBSCRIBE celery-task-meta-\(index)") }
    let publisher = harness.connect()
    #expect(publisher.send("PUBLISH celery-task-meta-7777 x") == ":1")
    client.session.disconnected()
    #expect(harness.store.pubSub.channels.isEmpty)
}

/// Goal: leaving in any order leaves the others. Method: random subscriptions against a model; seed replays.
@Test(arguments: 1...8 as ClosedRange<UInt64>)
func subscriptionsBehaveAsSets(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let harness = StoreHarness(seed: seed)
    let clients = (0..<8).map { _ in harness.connect() }
    let publisher = harness.connect()
    var model: [Set<Int>] = Array(repeating: [], count: 8)
    for _ in 0..<2_000 {
        let who = random.below(8)
        let channel = random.below(10)
        if random.below(2) == 0 {
            clients[who].send("SUBSCRIBE c\(channel)")
            model[who].insert(channel)
        } else {
            clients[who].send("UNSUBSCRIBE c\(channel)")
            model[who].remove(channel)
        }
        let probe = random.below(10)
        #expect(publisher.send("PUBLISH c\(probe) x") == ":\(model.filter { $0.contains(probe) }.count)")
    }
}

@Test func keyspaceNotificationsArePublished() {
    let harness = StoreHarness()
    harness.store.setNotifications(NotificationClass(text: "KEA")!)
    let client = harness.connect()
    client.send("PSUBSCRIBE __key*__:*")
    let writer = harness.connect()
    writer.send("SET k v EX 1")
    #expect(
        client.pending()
            == "*4 $8 pmessage $10 __key*__:* $16 __keyspace@0__:k $3 set *4 $8 pmessage $10 __key*__:* $18 __keyevent@0__:set $1 k *4 $8 pmessage $10 __key*__:* $16 __keyspace@0__:k $6 expire *4 $8 pmessage $10 __key*__:* $21 __keyevent@0__:expire $1 k"
    )
    harness.advance(milliseconds: 1_500)
    #expect(client.pending().contains("__keyevent@0__:expired"))
    #expect(NotificationClass(text: "KEA")!.text == "AKE")
    #expect(NotificationClass(text: "?") == nil)
}

@Test func slowSubscribersAreCut() {
    let harness = StoreHarness()
    harness.store.pubSub.outputLimits = OutputLimits(hardBytes: 10_000, softBytes: 1_000, softMilliseconds: 50)
    let client = harness.connect()
    client.send("SUBSCRIBE a")
    let publisher = harness.connect()
    let message = String(repeating: "x", count: 1_500)
    publisher.send("PUBLISH a \(message)")
    #expect(!client.session.closesNow)
    harness.advance(milliseconds: 60)
    publisher.send("PUBLISH a x")
    #expect(client.session.closesNow)
}
