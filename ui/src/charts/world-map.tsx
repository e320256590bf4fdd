import { useMemo } from "react";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlas from "world-atlas/countries-110m.json";
import { heatStep } from "./colors";
import { drawn as draw, fitted } from "./equal-earth";
import { formatCount } from "./format";
import { useMarks, useWidth } from "./marks";
import { spoken, Tooltip, type TooltipContent } from "./tooltip";

export interface CountryValue {
  key: string;
  /** A country's name, or its ISO code of two letters. */
  country: string;
  value: number;
}

interface Props {
  label: string;
  countries: CountryValue[];
  format?: (value: number | null) => string;
  onOpen?: (country: CountryValue, anchor: Element) => void;
}

const topology = atlas as unknown as Topology<{ countries: GeometryCollection<{ name: string }> }>;
// Antarctica has nobody who browses, and takes a fifth of the height.
const shapes = feature(topology, topology.objects.countries).features.filter(
  (shape) => shape.properties.name !== "Antarctica",
);
const geometries = shapes.map((shape) => shape.geometry);
const MOST_HEIGHT_PX = 460;
const regions = new Intl.DisplayNames("en", { type: "region" });

/** The atlas shortens some names, and countries have several. */
const SAME_NAME: Record<string, string> = {
  "united states": "united states of america",
  usa: "united states of america",
  "czech republic": "czechia",
  "bosnia & herzegovina": "bosnia and herz.",
  "bosnia and herzegovina": "bosnia and herz.",
  "central african republic": "central african rep.",
  "dominican republic": "dominican rep.",
  "equatorial guinea": "eq. guinea",
  "solomon islands": "solomon is.",
  "western sahara": "w. sahara",
  "south sudan": "s. sudan",
  "falkland islands": "falkland is.",
  "north macedonia": "macedonia",
  "congo - kinshasa": "dem. rep. congo",
  "congo - brazzaville": "congo",
  "democratic republic of the congo": "dem. rep. congo",
  "republic of korea": "south korea",
  "korea, republic of": "south korea",
  "russian federation": "russia",
  türkiye: "turkey",
  "viet nam": "vietnam",
  "myanmar (burma)": "myanmar",
  swaziland: "eswatini",
  "the netherlands": "netherlands",
};

/** The atlas's spelling of a country's name or code, in lower case. */
export function atlasName(country: string): string {
  let name = country.trim();
  if (/^[A-Za-z]{2}$/.test(name)) {
    try {
      name = regions.of(name.toUpperCase()) ?? name;
    } catch {
      return name.toLowerCase();
    }
  }
  const lower = name.toLowerCase();
  return SAME_NAME[lower] ?? lower;
}

/** Countries in the strength of their value. Those that the map is too coarse for are named below it. */
export function WorldMap({ label, countries, format = formatCount, onOpen }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const height = Math.min(MOST_HEIGHT_PX, Math.round(width * 0.47));
  const drawn = useMemo(() => {
    const place = fitted(geometries, Math.max(1, width), Math.max(1, height));
    return shapes.map((shape) => ({
      name: shape.properties.name.toLowerCase(),
      ...draw(shape.geometry, place),
    }));
  }, [width, height]);
  const byName = new Map(countries.map((country) => [atlasName(country.country), country]));
  const highest = Math.max(1e-12, ...countries.map((country) => country.value));
  const marks = drawn
    .flatMap((shape) => {
      const country = byName.get(shape.name);
      return country
        ? [{ ...country, ...shape, row: Math.round(shape.centre[1]), col: Math.round(shape.centre[0]) }]
        : [];
    })
    .sort((a, b) => b.value - a.value);
  const handle = useMarks(marks, onOpen);
  const known = new Set(drawn.map((shape) => shape.name));
  const missing = countries.filter((country) => !known.has(atlasName(country.country)));
  const describe = (mark: CountryValue): TooltipContent => ({
    title: mark.country,
    facts: [["Value", format(mark.value)]],
  });
  return (
    <figure className="chart" ref={ref}>
      {width > 0 && (
        <svg width={width} height={height} role="group" aria-label={label}>
          <g aria-hidden="true">
            {drawn.map((shape) => (
              <path key={shape.name} className="map-land" d={shape.d} />
            ))}
          </g>
          {marks.map((mark, index) => (
            <g key={mark.key} {...handle.props(index)} aria-label={spoken(describe(mark))}>
              <path
                className={`map-${Math.max(1, heatStep(mark.value / highest))}`}
                d={mark.d}
                stroke="var(--chart-page)"
                strokeWidth={0.6}
              />
              <path className="ring" d={mark.d} />
            </g>
          ))}
        </svg>
      )}
      {width === 0 && <div className="aspect-[2/1]" />}
      {handle.active && (
        <Tooltip
          x={handle.active.centre[0]}
          y={handle.active.centre[1]}
          width={width}
          content={describe(handle.active)}
        />
      )}
      {missing.length > 0 && (
        <p className="chart-legend">
          Not on this map:{" "}
          {missing.map((country) => `${country.country} ${format(country.value)}`).join(" · ")}
        </p>
      )}
    </figure>
  );
}
