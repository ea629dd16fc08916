// Types of the server's documents (`/map.json`, OGC API features) and of the page's state.

/** @typedef {"zh-CN" | "en"} Language */
/** @typedef {{ code: string, label_zh: string, label_en: string, color?: string }} Code */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} title_zh
 * @property {string} title_en
 * @property {string} type
 * @property {string | null} unit  UCUM
 * @property {string | null} codes  id of a code list
 * @property {boolean} common
 * @property {boolean} masked
 * @property {{ source: "observation" | "position" | "status" | "air" | "events" | "any_observation" | "event", property: string | null,
 *   take: string | null } | null} live  where a live value comes from
 * @property {string[]} limits  fields of the feature with which it is compared
 */

/**
 * @typedef {object} Layer
 * @property {string} id
 * @property {string} title_zh
 * @property {string} title_en
 * @property {string} group_zh
 * @property {string} group_en
 * @property {string} geometry_type
 * @property {boolean} synthetic
 * @property {string | null} attribution
 * @property {number} version
 * @property {number} count
 * @property {boolean} count_exact
 * @property {[number, number, number, number] | null} bbox  degrees
 * @property {string} tiles
 * @property {string} color
 * @property {number} order
 * @property {number} min_zoom
 * @property {number} max_zoom
 * @property {boolean} visible
 * @property {string | null} label
 * @property {string[]} tile_fields
 * @property {boolean} past  whether the reader may see it as it was
 * @property {number | null} most_at_once  features that the reader may take in one answer; null is any number
 * @property {boolean} live  whether its features change with what is reported of them
 * @property {Field[]} fields
 */

/** @typedef {{ id: string, type: string, source?: string, paint?: Record<string, any>, layout?: Record<string, any>, metadata?: Record<string, any> }} StyleLayer */

/**
 * A MapLibre style of the server.
 * @typedef {object} Style
 * @property {Record<string, any>} metadata
 * @property {Record<string, any>} sources
 * @property {StyleLayer[]} layers
 * @property {number[]} [center]
 * @property {number} [zoom]
 */

/**
 * @typedef {object} MapDocument
 * @property {string | null} title_zh
 * @property {string | null} title_en
 * @property {[number, number, number, number] | null} bbox  degrees
 * @property {{ type: string, coordinates: any[] } | null} outline
 * @property {boolean} synthetic
 * @property {string} structure  changes with everything but the rows
 * @property {Layer[]} layers
 * @property {Record<string, Code[]>} codes
 * @property {{ id: string, title_zh: string, title_en: string }[]} styles
 */

/**
 * A theme of the map, as `/twin/themes` has it for this reader.
 * @typedef {object} Topic
 * @property {string} name
 * @property {string} title_zh
 * @property {string} title_en
 * @property {string[]} base  layers that the others stand on
 * @property {{ id: string, filter: string | null, opacity: number }[]} layers
 * @property {string | null} style
 * @property {View | null} view
 * @property {{ mode: "live" | "replay", window_min: number }} time
 * @property {string[]} cards
 * @property {string[]} indicators
 */

/** @typedef {{ layer: string, id: string }} Hit */
/** @typedef {{ id: string, geometry: any, properties: Record<string, any> }} Feature */
/** @typedef {{ zoom: number, lat: number, lon: number, bearing: number, pitch: number }} View */

/**
 * Somebody who is logged in.
 * @typedef {object} Account
 * @property {string} id
 * @property {string} name
 * @property {string[]} roles
 * @property {string[]} areas  prefixes of area codes; empty is bound to none
 * @property {string[]} departments
 * @property {string} method
 * @property {string | null} purpose  what was stated at the login
 * @property {number} idle_s  seconds after which an unused session ends
 * @property {string[]} duties
 * @property {{ id: number, account: string, role: string, reason: string, ends_at: string }[]} [elevations]
 *   break-glass that nobody has acknowledged; only told to who administers accounts or the policy
 */

/** @typedef {{ account: Account | null, ended?: boolean, demo?: string[], purposes?: string[] }} Session */

/**
 * @typedef {object} State
 * @property {"loading" | "ready" | "empty" | "error"} status
 * @property {string} message  the error, when status is "error" or the connection is lost
 * @property {boolean} online  whether the last request to the server was answered
 * @property {MapDocument | null} map
 * @property {string} reader  whom the map was read for: the id of an account, empty for a stranger
 * @property {string} theme  id of the requested style
 * @property {Style | null} style  the style of the map, once it is loaded
 * @property {Language} language
 * @property {View | null} asked  the view that a pasted link asks for
 * @property {boolean} framing  whether the map moves to the chosen feature once it is read
 * @property {Record<string, number>} changes  how often the stream told of a change, by layer
 * @property {Topic[]} topics  the themes that the reader may have
 * @property {string} topic  the chosen theme; empty is the first
 * @property {Set<string>} toggled  layers whose visibility is not the theme's
 * @property {boolean} [still]  of a map beside that of the page: what moves is drawn from tiles, as of the moment of that map
 * @property {Set<string>} fresh  layers that this browser has not seen in the list before; off until they are switched on
 * @property {Record<string, number>} opacities  of layers, 0 to 1, where they are not the theme's
 * @property {any} pin  GeoJSON of a place that was sought, or null
 * @property {any} track  GeoJSON of the chosen mover's way, or null
 * @property {Layer["bbox"]} frame  what the map is to frame now
 * @property {string[]} order  layers that somebody has ordered, the lowest first
 * @property {Hit[]} hits  the clicked features
 * @property {number} chosen  index of the open hit
 * @property {"map" | "list"} mode
 * @property {string} listed  the layer whose rows the list shows
 * @property {boolean} webgl  whether the map could be started
 * @property {string} trouble  why it could not, if WebGL is not the reason
 * @property {boolean} relief  whether buildings are drawn in 3D
 * @property {import("./faces.js").FaceName | null} face  the face that the link asks for
 * @property {string} tab  the open tab of the desk's drawer, or empty
 * @property {Account | null} account  who is logged in
 * @property {"" | "ended" | "idle"} farewell  why somebody is logged in no longer
 * @property {"peek" | "half"} sheet  the bottom sheet of a phone
 */

export {};
