// The broker's part of a checkpoint: its durable state as of one log position, written while the broker goes on.
// Recovery reads these records and then the whole log from that position on, so the picture may be fuzzy wherever
// the log's records hold for any state: an entry settled meanwhile may be in it or not, its flags may be newer.
// What must not happen is that an entry is missed. The walk sees the ready lists first, then what channels hold,
// then what waits to be dead-lettered: the way entries take by themselves. An entry that goes back (to its queue, or
// to its channel by a rollback) is written when it does (`moved`); written twice is written once.
// And the log must be on disk as far as the walk has seen of it before the checkpoint counts
// (`Engine.checkpointSafePosition`): an entry that left for a record that is lost would be nowhere.
// Streams are written a stretch at a time, up to the offset that they had at the picture's moment.
// Bounded work for each call. Loop thread only. Next: TopologyWalk.swift, EntryRunWriter.swift, BrokerReplay.swift.

import Wire

/// A checkpoint under way.
final class BrokerCheckpoint {
    private enum Phase {
        case topology, ready, held, deadLetters, done
    }

    private let broker: Broker
    private let output: CheckpointOutput
    private var phase = Phase.topology
    private var topology: TopologyWalk
    private var walked: EntryRunWriter
    private var moved: EntryRunWriter

    /// Queue and place in its ready list.
    private var nextQueue = 0
    private var place = ReadyPlace()
    private var delayPlace = DelayPlace()
    private var streamPlace: UInt64 = 0
    /// Where streams end in the picture: offset of the next publish, by the queue's id in the log.
    private var streamEnds: [UInt32: UInt64] = [:]
    /// What the queue takes in after the walk came to it is newer than the picture.
    private var sequenceEnd: UInt64?
    /// Channels that were open when it was their turn, and the place in the next one.
    private var channels: [BrokerChannel] = []
    private var nextChannel = 0
    private var tag: UInt64 = 0
    private var nextSettlement = 0
    private var nextDeadLetter = 0
    private var deadLetterEnd: Int?

    init(_ broker: Broker, _ output: CheckpointOutput) {
        self.broker = broker
        self.output = output
        topology = TopologyWalk(broker)
        walked = EntryRunWriter(output, broker.context.time)
        moved = EntryRunWriter(output, broker.context.time)
        for queue in topology.queues {
            if let stream = queue.stream { streamEnds[queue.logID] = stream.index.nextOffset }
        }
    }

    /// A logged entry goes back to where the walk may have been.
    func moved(_ queue: Queue, _ entry: QueueEntry) {
        if phase != .done { write(entry, of: queue, isHeld: false, to: &moved) }
    }

    private func write(_ entry: QueueEntry, of queue: Queue, isHeld: Bool, to run: inout EntryRunWriter) {
        guard entry.isLogged, !queue.isDeleted, entry.logPosition < output.position else { return }
        run.add(entry, of: queue, isHeld: isHeld)
    }

    // MARK: The walk

    /// Goes on until the budget is spent; returns whether everything is written.
    func proceed(_ budget: inout CheckpointBudget) -> Bool {
        while phase != .done, !budget.isSpent {
            switch phase {
            case .topology:
                topology.proceed(output, &budget)
                if topology.isDone { phase = .ready }
            case .ready: walkReady(&budget)
            case .held: walkHeld(&budget)
            case .deadLetters: walkDeadLetters(&budget)
            case .done: break
            }
        }
        return phase == .done
    }

    private func walkReady(_ budget: inout CheckpointBudget) {
        while nextQueue < topology.queues.count, !budget.isSpent {
            let queue = topology.queues[nextQueue]
            budget.visits -= 1
            if queue.isDeleted || walk(queue, &budget) {
                // Set aside because they cannot be read: they stay in the log for a repair.
                if !queue.isDeleted {
                    for entry in queue.paging?.unreadable ?? [] { write(entry, of: queue, isHeld: false, to: &walked) }
                }
                nextQueue += 1
                place = ReadyPlace()
                delayPlace = DelayPlace()
                streamPlace = 0
                sequenceEnd = nil
            }
        }
        guard nextQueue == topology.queues.count else { return }
        channels = broker.holdingChannels
        phase = .held
    }

    /// Returns whether the whole list has been seen.
    private func walk(_ queue: Queue, _ budget: inout CheckpointBudget) -> Bool {
        if let delayed = queue.delayed { return walk(delayed, of: queue, &budget) }
        if let stream = queue.stream { return walk(stream, of: queue, &budget) }
        let end = sequenceEnd ?? queue.nextSequence
        sequenceEnd = end
        var index = queue.ready.firstIndex(after: place)
        while index < queue.ready.count, !budget.isSpent {
            let entry = queue.ready[index]
            if entry.sequence >= end {
                // The rest of the level is newer still.
                place = ReadyPlace(priority: entry.priority, sequence: .max)
                index = queue.ready.firstIndex(after: place)
                budget.visits -= 1
                continue
            }
            spend(&budget)
            write(entry, of: queue, isHeld: false, to: &walked)
            place = ReadyPlace(priority: entry.priority, sequence: entry.sequence)
            index += 1
        }
        return index >= queue.ready.count
    }

    private func walk(_ delayed: DelayedMessages, of queue: Queue, _ budget: inout CheckpointBudget) -> Bool {
        delayed.entries.walk(after: &delayPlace) { entry in
            guard !budget.isSpent else { return false }
            spend(&budget)
            write(entry, of: queue, isHeld: false, to: &walked)
            return true
        }
    }

    /// What retention has removed since the picture may be missing at its front. So its end is told in any case: without
    /// it the log's publishes would get offsets that were used before.
    private func walk(_ stream: MessageStream, of queue: Queue, _ budget: inout CheckpointBudget) -> Bool {
        let end = streamEnds[queue.logID] ?? 0
        while let stretch = stream.index.stretch(from: streamPlace), stretch.firstOffset < end {
            guard !budget.isSpent else { return false }
            let count = Int(min(stretch.endOffset, end) - stretch.firstOffset)
            stretch.withRun(first: count) { write(stretch.firstOffset, count, $0, of: queue, &budget) }
            streamPlace = stretch.endOffset
        }
        write(end, 0, .empty, of: queue, &budget)
        return true
    }

    private func write(
        _ firstOffset: UInt64, _ count: Int, _ run: ByteSlice, of queue: Queue, _ budget: inout CheckpointBudget
    ) {
        let size = StreamEntriesRecord.headBytes + run.count
        output.append(.streamEntries, payloadBytes: size) { writer in
            StreamEntriesRecord.write(
                queueID: queue.logID, firstOffset: firstOffset, count: count, run: run, to: &writer)
        }
        budget.visits -= 1 + count / Limits.streamEntriesPerVisit
        budget.bytes -= size
    }

    private func walkHeld(_ budget: inout CheckpointBudget) {
        while nextChannel < channels.count, !budget.isSpent {
            let channel = channels[nextChannel]
            budget.visits -= 1
            let isSeen = channel.unacked.walk(after: &tag) { held in
                guard !budget.isSpent else { return false }
                writeHeld(held, &budget)
                return true
            }
            guard isSeen else { return }
            // Grows at its end only, or is over; what leaves it otherwise is written then.
            while nextSettlement < channel.transaction.settlements.count {
                guard !budget.isSpent else { return }
                writeHeld(channel.transaction.settlements[nextSettlement].held, &budget)
                nextSettlement += 1
            }
            nextChannel += 1
            tag = 0
            nextSettlement = 0
        }
        guard nextChannel == channels.count else { return }
        channels = []
        nextChannel = 0
        phase = .deadLetters
    }

    private func writeHeld(_ held: UnackedEntry, _ budget: inout CheckpointBudget) {
        spend(&budget)
        held.queue._withUnsafeGuaranteedRef { write(held.entry, of: $0, isHeld: true, to: &walked) }
    }

    private func walkDeadLetters(_ budget: inout CheckpointBudget) {
        // What dies from now on has been seen where it was before.
        let end = deadLetterEnd ?? broker.deadLetters.nextNumber
        deadLetterEnd = end
        let isSeen = broker.deadLetters.walk(from: &nextDeadLetter, to: end) { entry, queue in
            guard !budget.isSpent else { return false }
            spend(&budget)
            write(entry, of: queue, isHeld: false, to: &walked)
            return true
        }
        guard isSeen else { return }
        walked.flush()
        moved.flush()
        phase = .done
    }

    @inline(__always)
    private func spend(_ budget: inout CheckpointBudget) {
        budget.visits -= 1
        budget.bytes -= RecoveredEntry.bytes
    }
}

/// A place in the order of delivery: higher levels first, by sequence within a level. Names what comes right
/// before it, so that it stays good while entries come and go.
struct ReadyPlace {
    var priority = UInt8.max
    var sequence: UInt64 = 0

    func isBefore(_ entry: QueueEntry) -> Bool {
        entry.priority < priority || entry.priority == priority && entry.sequence > sequence
    }
}

extension ReadyEntries {
    /// Index of the first entry behind `place`; `count` if there is none.
    func firstIndex(after place: ReadyPlace) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if place.isBefore(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension Broker {
    /// Begins a checkpoint: the picture is that of `output.position`, which is where the log ends now. Between two
    /// turns, never inside a group.
    func beginCheckpoint(_ output: CheckpointOutput) {
        precondition(log.checkpoint == nil, "one checkpoint at a time")
        precondition(output.position <= context.journal.nextPosition)
        log.checkpoint = BrokerCheckpoint(self, output)
    }

    /// Goes on with it; returns whether everything is in the output.
    func continueCheckpoint(_ budget: inout CheckpointBudget) -> Bool {
        log.checkpoint?.proceed(&budget) ?? true
    }

    /// It is written, or given up.
    func endCheckpoint() { log.checkpoint = nil }
}
