// Where a record stands. Beneath the log itself, because messages carry it and know no log.
// Next: ../Log/Record.swift.

/// Position of a record in the whole log: bytes before it since the log began, segment headers not counted.
public typealias LogPosition = UInt64
