// Lines on their way to standard error, written by a thread of their own: a terminal or pipe that nobody
// reads must not stop the loop. When too many wait, new ones are dropped and their number is told later.
// `write` from any thread. Next: LogLineHandler.swift.

import EventLoop

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Writes lines to a descriptor in the background.
final class LineWriter: @unchecked Sendable {
    private enum Order: Sendable {
        case line(String)
        case finish
    }

    private static let waitingLinesMax = 10_000

    private let orders = Mailbox<Order>()
    private let descriptor: Int32
    private let dropped = Mailbox<Void>()
    private let finished = Mailbox<Void>()

    init(descriptor: Int32) {
        self.descriptor = descriptor
        // Not joined: it may hang in a write that nobody ever reads.
        _ = NativeThread(name: "taskd-lines") { [self] in run() }
    }

    func write(_ line: String) {
        if !orders.post(.line(line), countMax: Self.waitingLinesMax) { dropped.post((), countMax: 1_000_000) }
    }

    /// Waits until everything is written, but not longer than `milliseconds`.
    func finish(withinMilliseconds milliseconds: Int64) {
        orders.post(.finish)
        _ = finished.wait(untilMonotonicMicroseconds: LoopClock.monotonicMicroseconds + milliseconds * 1_000)
    }

    private func run() {
        while true {
            var text = ""
            var isLast = false
            for order in orders.wait(untilMonotonicMicroseconds: nil) {
                switch order {
                case .line(let line): text += line
                case .finish: isLast = true
                }
            }
            let lost = dropped.take().count
            if lost > 0 { text += "\(lost) log lines were dropped: standard error is not read fast enough\n" }
            put(text)
            if isLast {
                finished.post(())
                return
            }
        }
    }

    private func put(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let written = writeFile(descriptor, bytes.baseAddress! + done, bytes.count - done)
                if written < 0, errno == EINTR { continue }
                if written < 0, errno == EAGAIN {
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, 1_000)
                    continue
                }
                guard written > 0 else { return }
                done += written
            }
        }
    }
}
