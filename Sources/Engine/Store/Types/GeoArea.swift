// A search by place: a circle or a box around a point, and which cells of the geohash grid can have points in it.
// The cells come in Redis's order, since that is the order of unsorted results.
// Loop thread only. Next: GeoPoint.swift, ../Commands/GeoSearchCommands.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is searched.
struct GeoArea {
    enum Shape {
        case circle(radius: Double)
        case box(width: Double, height: Double)
    }

    var center: GeoPoint
    var shape: Shape
    /// Metres in the unit that the shape is given in.
    var unit: Double

    /// Distance from the centre, metres, if the point is within.
    func distance(to point: GeoPoint) -> Double? {
        switch shape {
        case .circle(let radius):
            let distance = center.distance(to: point)
            return distance <= radius * unit ? distance : nil
        case .box(let width, let height):
            guard GeoPoint.latitudeDistance(point.latitude, center.latitude) <= height * unit / 2 else { return nil }
            let sameLatitude = GeoPoint(longitude: center.longitude, latitude: point.latitude)
            guard point.distance(to: sameLatitude) <= width * unit / 2 else { return nil }
            return center.distance(to: point)
        }
    }

    // MARK: Cells

    /// Half the height and half the width, metres.
    private var reach: (height: Double, width: Double) {
        switch shape {
        case .circle(let radius): (unit * radius, unit * radius)
        case .box(let width, let height): (unit * (height / 2), unit * (width / 2))
        }
    }

    /// To the farthest point, metres.
    private var radius: Double {
        switch shape {
        case .circle(let radius): radius * unit
        case .box(let width, let height):
            ((width / 2) * (width / 2) + (height / 2) * (height / 2)).squareRoot() * unit
        }
    }

    /// Degrees between which the area lies; on a sphere the side nearer to the pole spans more.
    private var bounds: (longitudes: (min: Double, max: Double), latitudes: (min: Double, max: Double)) {
        let (height, width) = reach
        let up = GeoPoint.degrees(height / GeoPoint.earthRadius)
        let edge = center.latitude < 0 ? center.latitude - up : center.latitude + up
        let aside = GeoPoint.degrees(width / GeoPoint.earthRadius / cos(GeoPoint.radians(edge)))
        return (
            (center.longitude - aside, center.longitude + aside), (center.latitude - up, center.latitude + up)
        )
    }

    /// Half of Earth's circumference in the projection, metres.
    private static let mercatorMax = 20_037_726.37

    /// Steps at which the area fits into three times three cells, by its radius alone.
    private var estimatedSteps: Int {
        var range = radius
        guard range > 0 else { return GeoCell.stepsMax }
        var steps = 1
        while range < Self.mercatorMax {
            range *= 2
            steps += 1
        }
        // To be sure; and columns are narrow near the poles.
        steps -= 2
        if abs(center.latitude) > 66 { steps -= abs(center.latitude) > 80 ? 2 : 1 }
        return min(max(steps, 1), GeoCell.stepsMax)
    }

    /// Columns and rows from the middle, in the order in which Redis looks into the cells.
    private static let directions: [(columns: Int, rows: Int)] = [
        (0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1),
    ]

    /// The cells to look into, none twice in a row.
    var cells: [GeoCell] {
        let bounds = bounds
        var steps = estimatedSteps
        var middle = GeoCell(center, steps: steps)
        let isTooFine =
            middle.neighbor(columns: 0, rows: 1).bounds.latitudes.max < bounds.latitudes.max
            || middle.neighbor(columns: 0, rows: -1).bounds.latitudes.min > bounds.latitudes.min
            || middle.neighbor(columns: 1, rows: 0).bounds.longitudes.max < bounds.longitudes.max
            || middle.neighbor(columns: -1, rows: 0).bounds.longitudes.min > bounds.longitudes.min
        if steps > 1, isTooFine {
            steps -= 1
            middle = GeoCell(center, steps: steps)
        }
        let own = middle.bounds
        var cells: [GeoCell] = []
        for (columns, rows) in Self.directions {
            // A side that the middle cell reaches beyond needs no neighbour.
            if steps >= 2 {
                if rows < 0, own.latitudes.min < bounds.latitudes.min { continue }
                if rows > 0, own.latitudes.max > bounds.latitudes.max { continue }
                if columns < 0, own.longitudes.min < bounds.longitudes.min { continue }
                if columns > 0, own.longitudes.max > bounds.longitudes.max { continue }
            }
            let cell = middle.neighbor(columns: columns, rows: rows)
            // Of a huge area neighbours may be the same cell.
            if cell != cells.last { cells.append(cell) }
        }
        return cells
    }
}
