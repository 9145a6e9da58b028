import Testing

@testable import Engine

/// Goal: counts that clients set to the highest number stay there, and what they change can be read back. Method: each
/// count at its limit, counted on, and replayed.
@Test func countsOfStreamsStayAtTheirLimit() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    let most = Int64.max
    client.send("XADD s 1-1 f v")
    client.send("XGROUP CREATE s g 0")
    #expect(client.send("XSETID s 1-1 ENTRIESADDED \(most) MAXDELETEDID 0-0") == "+OK")
    client.send("XADD s 2-1 f v")
    #expect(client.send("XINFO STREAM s").contains("$13 entries-added :\(most)"))

    #expect(client.send("XGROUP SETID s g 0 ENTRIESREAD \(most)") == "+OK")
    #expect(client.send("XREADGROUP GROUP g c STREAMS s >").hasPrefix("*1 *2 $1 s *2"))
    #expect(client.send("XINFO GROUPS s").contains("$12 entries-read :\(most) $3 lag :0"))

    client.send("XCLAIM s g c 0 1-1 RETRYCOUNT \(most)")
    client.send("XCLAIM s g d 0 1-1")
    client.send("XAUTOCLAIM s g c 0 0")
    client.send("XREADGROUP GROUP g c STREAMS s 0")
    #expect(client.send("XPENDING s g - + 1") == "*1 *4 $3 1-1 $1 c :0 :\(most)")
    // A count below 0 is none.
    client.send("XCLAIM s g c 0 2-1 RETRYCOUNT -5")
    #expect(client.send("XPENDING s g 2-1 + 1") == "*1 *4 $3 2-1 $1 c :0 :4")
    let replayed = try harness.replayed()
    #expect(differences(harness.store.description(), replayed.store.description()) == [])
}

/// Goal: whatever XREADGROUP and XCLAIM change beside entries handed out comes back. Method: one of each, replayed.
@Test func readingHistoryIsJournaled() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    for key in ["a", "b"] {
        client.send("XADD \(key) 1-1 f v")
        client.send("XGROUP CREATE \(key) g 0")
    }
    client.send("XREADGROUP GROUP g c STREAMS a >")
    // Consumers appear in each stream that is named.
    client.send("XREADGROUP GROUP g new STREAMS a b 0 0")
    client.send("XREADGROUP GROUP g c STREAMS a b 0 0")
    #expect(client.send("XPENDING a g - + 1") == "*1 *4 $3 1-1 $1 c :0 :2")
    #expect(client.send("XCLAIM b g c 0 9-9 LASTID 5-5") == "*0")
    let replayed = try harness.replayed()
    #expect(differences(harness.store.description(), replayed.store.description()) == [])
}

/// Goal: groups are found in a time that hardly depends on their number.
@Test(.timeLimit(.minutes(10)))
func manyGroupsAreFound() {
    let client = StoreHarness().connect()
    client.send("XADD s 1-1 f v")
    for number in 0..<20_000 { client.send("XGROUP CREATE s group\(number) 0") }
    #expect(client.send("XGROUP CREATE s group777 0").hasPrefix("-BUSYGROUP"))
    #expect(client.send("XREADGROUP GROUP group19999 c STREAMS s >").hasPrefix("*1"))
    #expect(client.send("XGROUP DESTROY s group5") == ":1")
    #expect(client.send("XGROUP DESTROY s group5") == ":0")
}
