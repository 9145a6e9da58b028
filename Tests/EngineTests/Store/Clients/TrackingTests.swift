import Testing

@testable import Engine

private let invalidated = ">2 $10 invalidate *1 $1 k"

/// A client that tracks, in RESP3.
private func tracker(_ harness: StoreHarness, _ options: String = "") -> StoreTestClient {
    let client = harness.connect()
    client.send("HELLO 3")
    #expect(client.send("CLIENT TRACKING ON \(options)") == "+OK")
    return client
}

@Test func trackedKeysAreInvalidatedOnce() {
    let harness = StoreHarness()
    let writer = harness.connect()
    let client = tracker(harness)
    writer.send("SET k 1")
    #expect(client.send("GET k") == "$1 1")
    #expect(client.send("MGET k other") == "*2 $1 1 _")
    writer.send("SET unrelated 1")
    #expect(client.pending() == "")
    writer.send("SET k 2")
    #expect(client.pending() == invalidated)
    writer.send("SET k 3")
    #expect(client.pending() == "")
    // What was absent is remembered, too; databases share the names.
    #expect(client.send("EXISTS k") == ":1")
    writer.send("SELECT 1")
    writer.send("SET k 1")
    #expect(client.pending() == invalidated)
    // Writes are not reads.
    client.send("APPEND k x")
    writer.send("DEL k")
    #expect(client.pending() == "")
    #expect(client.send("CLIENT TRACKING OFF") == "+OK")
    client.send("GET k")
    writer.send("SET k 1")
    #expect(client.pending() == "")
    #expect(!harness.store.isTracking)
}

@Test func ownChangesAreToldBehindTheReply() {
    let harness = StoreHarness()
    let client = tracker(harness)
    client.send("GET k")
    #expect(client.send("SET k 4") == "+OK \(invalidated)")
    client.send("GET k")
    client.send("MULTI")
    client.send("INCR k")
    #expect(client.send("EXEC") == "*1 :5 \(invalidated)")
    client.send("GET k")
    #expect(client.send("EVAL \"redis.call('set', 'k', 1) return {1, 2}\" 0") == "*2 :1 :2 \(invalidated)")
    client.send("GET k")
    #expect(client.send("FLUSHALL") == "+OK >2 $10 invalidate _")
    #expect(client.send("CLIENT TRACKING ON NOLOOP") == "+OK")
    client.send("GET k")
    #expect(client.send("SET k 5") == "+OK")
}

@Test func messagesGoToTheClientRedirectedTo() {
    let harness = StoreHarness()
    let listener = harness.connect()
    let id = listener.session.client.id
    let client = harness.connect()
    let writer = harness.connect()
    #expect(client.send("CLIENT TRACKING ON REDIRECT \(id)") == "+OK")
    #expect(client.send("CLIENT GETREDIR") == ":\(id)")
    client.send("GET k")
    writer.send("SET k 1")
    // Nobody could tell what it is.
    #expect(listener.pending() == "")
    listener.send("SUBSCRIBE __redis__:invalidate")
    client.send("GET k")
    writer.send("SET k 1")
    #expect(listener.pending() == "*3 $7 message $20 __redis__:invalidate *1 $1 k")
    writer.send("FLUSHDB")
    #expect(listener.pending() == "*3 $7 message $20 __redis__:invalidate $-1")
    #expect(client.pending() == "")
}

/// The one redirected to makes the change itself: the message must not stand within its reply.
@Test func redirectedMessagesWaitForTheReply() {
    let harness = StoreHarness()
    let listener = harness.connect()
    listener.send("HELLO 3")
    let client = tracker(harness, "REDIRECT \(listener.session.client.id)")
    client.send("GET k")
    #expect(listener.send("EVAL \"redis.call('set', 'k', 1) return {1, 2}\" 0") == "*2 :1 :2 \(invalidated)")
}

@Test func aBrokenRedirectionIsTold() {
    let harness = StoreHarness()
    let listener = harness.connect()
    let id = listener.session.client.id
    let writer = harness.connect()
    let client = tracker(harness, "REDIRECT \(id)")
    client.send("GET k")
    listener.session.disconnected()
    #expect(client.send("CLIENT TRACKINGINFO").contains("~1 $2 on"))
    writer.send("SET k 1")
    #expect(client.pending() == ">2 $21 tracking-redir-broken :\(id)")
    #expect(
        client.send("CLIENT TRACKINGINFO")
            == "%3 $5 flags ~2 $2 on $15 broken_redirect $8 redirect :\(id) $8 prefixes *0")
    #expect(client.send("CLIENT INFO").contains(" flags=tR "))
}

@Test func broadcastsFollowPrefixes() {
    let harness = StoreHarness()
    let writer = harness.connect()
    let client = tracker(harness, "BCAST PREFIX user: PREFIX job:")
    let all = tracker(harness, "BCAST NOLOOP")
    writer.send("MSET user:2 b user:1 a other c")
    writer.send("SET user:1 again")
    #expect(client.pending() == "")
    harness.turn()
    #expect(client.pending() == ">2 $10 invalidate *2 $6 user:1 $6 user:2")
    #expect(all.pending() == ">2 $10 invalidate *3 $5 other $6 user:1 $6 user:2")
    all.send("SET job:1 x")
    harness.turn()
    #expect(client.pending() == ">2 $10 invalidate *1 $5 job:1")
    #expect(all.pending() == "")
    client.send("CLIENT TRACKING ON BCAST PREFIX mail:")
    #expect(client.send("CLIENT TRACKINGINFO").hasSuffix("$8 prefixes *3 $4 job: $5 mail: $5 user:"))
    #expect(writer.send("INFO stats").contains("tracking_total_prefixes:4 "))
    client.session.disconnected()
    #expect(writer.send("INFO stats").contains("tracking_total_prefixes:1 "))
}

/// Many changes of one turn are told in slices, all of them.
@Test func broadcastsComeInSlices() {
    let harness = StoreHarness()
    let writer = harness.connect()
    let client = tracker(harness, "BCAST")
    let count = Limits.trackingBroadcastKeysPerTurn + 1
    for index in 0..<count { writer.send("SET \(index) x") }
    harness.turn()
    #expect(client.pending().hasPrefix(">2 $10 invalidate *\(count - 1) "))
    #expect(harness.store.nextDeadline != nil)
    harness.turn()
    #expect(client.pending() == ">2 $10 invalidate *1 $4 \(count - 1)")
    harness.turn()
    #expect(client.pending() == "")
}

@Test func cachingWordsHoldForOneRequest() {
    let harness = StoreHarness()
    let writer = harness.connect()
    let client = tracker(harness, "OPTIN")
    client.send("GET k")
    writer.send("SET k 1")
    #expect(client.pending() == "")
    #expect(client.send("CLIENT CACHING YES") == "+OK")
    #expect(client.send("CLIENT TRACKINGINFO").contains("$5 optin $11 caching-yes"))
    client.send("GET k")
    client.send("GET other")
    writer.send("MSET k 1 other 1")
    #expect(client.pending() == invalidated)
    // For a whole transaction.
    client.send("CLIENT CACHING YES")
    client.send("MULTI")
    client.send("GET a")
    client.send("GET b")
    client.send("EXEC")
    client.send("GET c")
    writer.send("MSET a 1 b 1 c 1")
    #expect(client.pending() == ">2 $10 invalidate *1 $1 a >2 $10 invalidate *1 $1 b")
    // A refused request uses it up.
    client.send("CLIENT CACHING YES")
    client.send("GET")
    client.send("GET k")
    writer.send("SET k 1")
    #expect(!client.pending().contains("invalidate"))

    client.send("CLIENT TRACKING OFF")
    client.send("CLIENT TRACKING ON OPTOUT")
    #expect(client.send("CLIENT CACHING NO") == "+OK")
    client.send("GET k")
    client.send("GET other")
    writer.send("MSET k 1 other 1")
    #expect(client.pending() == ">2 $10 invalidate *1 $5 other")
}

@Test func keysReadByScriptsAreTracked() {
    let harness = StoreHarness()
    let writer = harness.connect()
    let client = tracker(harness)
    // The key that is read, not those that were declared.
    client.send("EVAL \"return redis.call('get', 'k')\" 1 declared")
    writer.send("MSET k 1 declared 1")
    #expect(client.pending() == invalidated)
    client.send("EVAL_RO \"return redis.call('get', 'k')\" 1 declared")
    writer.send("MSET k 1 declared 1")
    #expect(client.pending() == invalidated)
}

@Test func expiredKeysInvalidate() {
    let harness = StoreHarness()
    let client = tracker(harness)
    let listener = tracker(harness, "BCAST NOLOOP")
    harness.connect().send("SET k 1 PX 100")
    harness.turn()
    _ = listener.pending()
    client.send("GET k")
    harness.advance(milliseconds: 200)
    harness.advance(milliseconds: 200)
    #expect(client.pending() == invalidated)
    #expect(listener.pending() == invalidated)
}

@Test func theTableHasAnEnd() {
    let harness = StoreHarness()
    let client = tracker(harness)
    let other = tracker(harness)
    #expect(client.send("CONFIG SET tracking-table-max-keys 5") == "+OK")
    for index in 0..<50 { client.send("GET \(index)") }
    #expect(harness.store.tracking.keys.count == 5)
    other.send("CONFIG SET tracking-table-max-keys 0")
    for index in 0..<50 { client.send("GET \(index)") }
    for index in 0..<50 { other.send("GET \(index)") }
    #expect(harness.store.tracking.keys.count == 50)
    #expect(client.send("INFO stats").contains("tracking_total_keys:50 tracking_total_items:100 "))
    client.send("CONFIG SET tracking-table-max-keys 10")
    _ = other.pending()
    harness.turn()
    #expect(harness.store.tracking.keys.count == 10 && harness.store.tracking.itemCount == 20)
    // Whose key was given up is told to forget it.
    #expect(other.pending().split(separator: ">").count == 40)
}

@Test func trackingShowsAndEnds() {
    let harness = StoreHarness()
    let client = tracker(harness, "BCAST")
    #expect(client.send("CLIENT INFO").contains(" flags=tB "))
    #expect(client.send("CLIENT INFO").contains(" redir=0 "))
    #expect(client.send("INFO clients").contains("tracking_clients:1 "))
    #expect(client.send("RESET") == "+RESET")
    #expect(client.send("CLIENT GETREDIR") == ":-1")
    #expect(client.send("CLIENT TRACKINGINFO") == "*6 $5 flags *1 $3 off $8 redirect :-1 $8 prefixes *0")
    #expect(client.send("INFO clients").contains("tracking_clients:0 "))
}

@Test(arguments: [
    ("ON REDIRECT 0", "The client ID you want redirect to does not exist"),
    ("ON REDIRECT 77", "The client ID you want redirect to does not exist"),
    ("ON REDIRECT x", "value is not an integer or out of range"),
    ("ON REDIRECT 1 REDIRECT 1", "A client can only redirect to a single other client"),
    ("ON REDIRECT", "syntax error"), ("MAYBE", "syntax error"), ("ON NOSUCH", "syntax error"),
    ("ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
    ("ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
    ("ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"),
    (
        "ON BCAST PREFIX foo PREFIX foobar",
        "Prefix 'foo' overlaps with another provided prefix 'foobar'. Prefixes for a single client must not overlap."
    ),
])
func trackingIsRefused(words: String, text: String) {
    let client = StoreHarness().connect()
    #expect(client.send("CLIENT TRACKING \(words)") == "-ERR \(text)")
    #expect(client.session.client.tracking == nil)
}

@Test func trackingModesDoNotMix() {
    let client = StoreHarness().connect()
    let again = "before disabling tracking for this client, and then re-enabling it with a different mode."
    client.send("CLIENT TRACKING ON OPTIN")
    #expect(client.send("CLIENT TRACKING ON BCAST") == "-ERR You can't switch BCAST mode on/off \(again)")
    #expect(client.send("CLIENT TRACKING ON OPTOUT") == "-ERR You can't switch OPTIN/OPTOUT mode \(again)")
    #expect(
        client.send("CLIENT CACHING NO")
            == "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    #expect(client.send("CLIENT CACHING MAYBE") == "-ERR syntax error")
    client.send("CLIENT TRACKING OFF")
    #expect(client.send("CLIENT CACHING YES").hasPrefix("-ERR CLIENT CACHING can be called only when"))
    client.send("CLIENT TRACKING ON BCAST PREFIX foo")
    #expect(
        client.send("CLIENT TRACKING ON BCAST PREFIX foobar")
            == "-ERR Prefix 'foobar' overlaps with an existing prefix 'foo'. Prefixes for a single client must not overlap."
    )
}
