// The loop with real descriptors: readiness, timers, wake-ups from another thread.

import EventLoop
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Counts events of one end of a socket pair.
private final class Probe: DescriptorEvents {
    var readable = 0
    var writable = 0
    var onRead: () -> Void = {}

    override func onReadable() {
        readable += 1
        onRead()
    }
    override func onWritable() { writable += 1 }
}

private func makePair() -> (Int32, Int32) {
    var pair: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    return (pair[0], pair[1])
}

@Test func loopUsesEpoll() throws {
    #expect(try EventLoop().backend.hasPrefix("epoll"))
}

/// Goal: readability is level-triggered and stops when switched off.
@Test func readabilityComesAgainUntilSwitchedOff() throws {
    let loop = try EventLoop()
    let (near, far) = makePair()
    let probe = Probe(descriptor: near, on: loop)
    probe.watchReadable(true)
    loop.runOnce(waits: false)
    #expect(probe.readable == 0)
    #expect(write(far, "x", 1) == 1)
    loop.runOnce(waits: false)
    loop.runOnce(waits: false)
    #expect(probe.readable == 2)
    probe.watchReadable(false)
    loop.runOnce(waits: false)
    #expect(probe.readable == 2)
    probe.watchReadable(true)
    loop.runOnce(waits: false)
    #expect(probe.readable == 3)
    close(far)
}

@Test func writabilityIsToldWhileWanted() throws {
    let loop = try EventLoop()
    let (near, far) = makePair()
    let probe = Probe(descriptor: near, on: loop)
    probe.watchWritable(true)
    loop.runOnce(waits: false)
    #expect(probe.writable == 1)
    probe.watchWritable(false)
    loop.runOnce(waits: false)
    #expect(probe.writable == 1)
    close(far)
}

/// Goal: an object that closes itself, and another that is ready in the same round, get no later event.
@Test func closingInsideAHandlerIsSafe() throws {
    let loop = try EventLoop()
    let (first, firstFar) = makePair()
    let (second, secondFar) = makePair()
    let left = Probe(descriptor: first, on: loop)
    let right = Probe(descriptor: second, on: loop)
    left.onRead = {
        left.closeDescriptor()
        right.closeDescriptor()
    }
    right.onRead = left.onRead
    left.watchReadable(true)
    right.watchReadable(true)
    #expect(write(firstFar, "x", 1) == 1)
    #expect(write(secondFar, "x", 1) == 1)
    loop.runOnce(waits: false)
    loop.runOnce(waits: false)
    #expect(left.readable + right.readable == 1)
    #expect(!left.isOpen && !right.isOpen)
    left.onRead = {}
    right.onRead = {}
    close(firstFar)
    close(secondFar)
}

/// Goal: a closed descriptor's number may be used again at once, in the same round.
@Test func descriptorNumberMayBeReusedAtOnce() throws {
    let loop = try EventLoop()
    for _ in 0..<50 {
        let (near, far) = makePair()
        let probe = Probe(descriptor: near, on: loop)
        probe.watchReadable(true)
        #expect(write(far, "x", 1) == 1)
        loop.runOnce(waits: false)
        #expect(probe.readable == 1)
        probe.closeDescriptor()
        close(far)
    }
}

@Test func timerFiresOnceAndCanBeReplaced() throws {
    let loop = try EventLoop()
    var fired = 0
    let timer = LoopTimer(on: loop) { fired += 1 }
    timer.schedule(afterMicroseconds: 60_000_000)
    timer.schedule(afterMicroseconds: 10_000)
    #expect(timer.isScheduled)
    let start = LoopClock.monotonicMicroseconds
    loop.runOnce()
    #expect(fired == 1 && !timer.isScheduled)
    #expect(LoopClock.monotonicMicroseconds - start < 10_000_000)
    timer.schedule(afterMicroseconds: 1_000)
    timer.cancel()
    usleep(20_000)
    loop.runOnce(waits: false)
    #expect(fired == 1)
}

@Test func anotherThreadWakesTheLoop() throws {
    let loop = try EventLoop()
    nonisolated(unsafe) var woken = 0
    let wakeUp = try WakeUp(on: loop) { woken += 1 }
    let bell = wakeUp.bell
    var thread = pthread_t()
    nonisolated(unsafe) let context = UnsafeMutablePointer<WakeUp.Bell>.allocate(capacity: 1)
    context.initialize(to: bell)
    defer { context.deallocate() }
    pthread_create(
        &thread, nil,
        { raw in
            let bell = raw!.assumingMemoryBound(to: WakeUp.Bell.self).pointee
            bell.ring()
            bell.ring()
            return nil
        }, context)
    loop.runOnce()
    pthread_join(thread, nil)
    loop.runOnce(waits: false)
    #expect(woken == 1 || woken == 2)
}
