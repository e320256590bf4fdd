/** The Equal Earth projection (Šavrič, Patterson and Jenny, 2018): countries keep their areas. */

type Position = number[];
type Ring = Position[];

export interface Geometry {
  type: string;
  coordinates?: unknown;
}

const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796];
const M = Math.sqrt(3) / 2;

/** Degrees to the plane; y grows to the south, as on a screen. */
export function project(longitude: number, latitude: number): [number, number] {
  const theta = Math.asin(M * Math.sin((latitude * Math.PI) / 180));
  const [t2, t6] = [theta ** 2, theta ** 6];
  const slope = A1 + 3 * A2 * t2 + t6 * (7 * A3 + 9 * A4 * t2);
  const x = (((longitude * Math.PI) / 180) * Math.cos(theta)) / (M * slope);
  return [x, -theta * (A1 + A2 * t2 + t6 * (A3 + A4 * t2))];
}

function ringsOf(geometry: Geometry): Ring[] {
  if (geometry.type === "Polygon") return (geometry.coordinates as Ring[]).map(unbroken);
  if (geometry.type === "MultiPolygon") return (geometry.coordinates as Ring[][]).flat().map(unbroken);
  return [];
}

/** A ring across the 180th meridian goes on beyond it, rather than around the world: the east of Russia stays at Russia. */
export function unbroken(ring: Ring): Ring {
  let turns = 0;
  let before = ring[0]?.[0] ?? 0;
  const whole = ring.map(([longitude = 0, latitude = 0]) => {
    if (longitude - before > 180) turns -= 360;
    if (longitude - before < -180) turns += 360;
    before = longitude;
    return [longitude + turns, latitude];
  });
  const west = Math.min(...whole.map(([longitude = 0]) => longitude));
  return west < -180 ? whole.map(([longitude = 0, latitude = 0]) => [longitude + 360, latitude]) : whole;
}

export type Place = (position: Position) => [number, number];

/** A projection under which all the geometries fill the box, centred. */
export function fitted(geometries: Geometry[], width: number, height: number): Place {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [longitude = 0, latitude = 0] of geometries.flatMap(ringsOf).flat()) {
    const [x, y] = project(longitude, latitude);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const scale = Math.min(width / (right - left), height / (bottom - top));
  const [dx, dy] = [(width - (right - left) * scale) / 2, (height - (bottom - top) * scale) / 2];
  return ([longitude = 0, latitude = 0]) => {
    const [x, y] = project(longitude, latitude);
    return [dx + (x - left) * scale, dy + (y - top) * scale];
  };
}

/** A geometry as an SVG path, and the middle of its largest part. */
export function drawn(geometry: Geometry, place: Place): { d: string; centre: [number, number] } {
  let largest = { area: -1, centre: [0, 0] as [number, number] };
  const d = ringsOf(geometry)
    .map((ring) => {
      const points = ring.map(place);
      const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
      const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      const area = (x1 - x0) * (y1 - y0);
      if (area > largest.area) largest = { area, centre: [(x0 + x1) / 2, (y0 + y1) / 2] };
      return `M${points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L")}Z`;
    })
    .join("");
  return { d, centre: largest.centre };
}
