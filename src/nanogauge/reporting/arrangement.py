"""What a report says of how the particles lie."""

from __future__ import annotations

from typing import Any

from .formatting import DASH, lengths, number, percent


def order_rows(order: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of the order of a micrograph, as order.json holds it."""
    unit = order["unit"]
    a = order["lattice_constant"]
    show = lengths(unit, a["value"] if a["value"] is not None else float("nan"))
    rows = [("Taken from", "the particles found" if order["from"] == "particles" else "the picture itself")]
    if order["from"] == "particles":
        psi = order["mean_psi6"] if order["lattice"] == "hexagonal" else order["mean_psi4"]
        name = "ψ6" if order["lattice"] == "hexagonal" else "ψ4"
        kind = order["lattice"] if order["grains"]["n"] else "no lattice found"
        rows.append(("Lattice", f"{kind}, mean |{name}| {number(psi, 3)}"))
    else:
        rows.append(("Lattice", f"{order['lattice']}"))
    known = a["value"] is not None
    value = f"{show.with_uncertainty(a['value'], a['expanded_uncertainty'])} {show.unit} (k = 2)" if known else DASH
    rows.append(("Lattice constant", value))
    g, b = order["grains"], order["boundaries"]
    rows.append(("Grains", f"{g['n']}, {g['n_whole']} not cut by the frame; {percent(order['share_in_grains'])} of the frame"))
    size = g[f"median_equivalent_diameter_{unit}"]
    if size is not None:
        rows.append(("Size of grains", f"median equivalent diameter {lengths(unit, size).with_unit(size)}"))
    total = b[f"length_{unit}"]
    if total:
        low = percent(b[f"low_angle_length_{unit}"] / total)
        said = f"{lengths(unit, total).with_unit(total)}, {low} of it below {b['low_angle_below_deg']:g}°"
        rows.append(("Boundaries", f"{said}; mean misorientation {number(b['mean_misorientation_deg'], 3)}°"))
    rows.append(("Voids", percent(order["share_of_voids"])))
    if order["from"] == "particles":
        rows += _particle_rows(order, unit)
    return rows


def _particle_rows(order: dict[str, Any], unit: str) -> list[tuple[str, str]]:
    near, defects = order["nearest_neighbour_distance"], order["defects"]
    show = lengths(unit, near["mean"])
    mean = order["mean_number_of_neighbours"]
    rows = [
        ("Nearest neighbour", f"{show.with_unit(near['mean'])}, standard deviation {show.with_unit(near['sd'], 2)}"),
        ("Neighbours", f"{number(mean, 3)} on average" if mean is not None else DASH),
    ]
    judged = f"of {defects['n_sure']} particles with all neighbours in sight"
    said = f"{defects['n_few']} with too few and {defects['n_many']} with too many neighbours, {judged}"
    if defects["dislocations"] is not None:
        said += f"; {defects['dislocations']} 5–7 pairs"
    rows.append(("Defects", f"{said}; {order['vacancies']} vacancies"))
    per = "um" if unit == "nm" else "px"
    density = number(order[f"number_density_per_{per}2"], 4)
    rows.append(
        ("Density", f"{density} per {'µm²' if per == 'um' else 'px²'}, {percent(order['area_fraction'])} of the frame covered")
    )
    c = order["correlation"]
    if c is not None:
        reach = lengths(unit, c[f"reach_{unit}"]).with_unit(c[f"reach_{unit}"])
        for key, name in (("translational", "Rows kept over"), ("orientational", "Direction kept over")):
            value = c[f"{key}_length_{unit}"]
            far = value is None or value > c[f"reach_{unit}"]
            rows.append((name, f"more than {reach}" if far else f"{lengths(unit, value).with_unit(value, 3)} (to 1/e)"))
    return rows


def aggregate_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of the groups of a micrograph or a sample, as aggregates.json holds them."""
    unit = found["unit"]
    rows = [
        ("Groups", f"{found['n_of_several']} of several particles and {found['n_single']} single ones, whole"),
        ("Cut by the frame", f"{found['n_cut_by_frame']}, left out"),
    ]
    if found["mean_primaries_in_groups"] is not None:
        share = percent(found["share_of_primaries_in_groups"])
        mean = number(found["mean_primaries_in_groups"], 3)
        rows.append(("Primaries in groups", f"{share} of all; {mean} in a group, {found['largest']} at most"))
        radius = found[f"mean_radius_of_gyration_{unit}"]
        rows.append(("Radius of gyration", f"{lengths(unit, radius).with_unit(radius)} on average, of the projection"))
    for key, name in (
        ("single", "Single particles"),
        ("in_groups", "Primaries in groups"),
        ("in_groups_in_sight", "of these in sight"),
    ):
        s = found["primary_diameters"][key]
        mean_size = s[f"mean_{unit}"]
        if mean_size is not None:
            show = lengths(unit, mean_size)
            rows.append(
                (name, f"{s['n']}: mean {show.with_unit(mean_size)}, standard deviation {show.with_unit(s[f'sd_{unit}'], 3)}")
            )
    law = found["fractal_law"]
    if law["dimension"] is None:
        said = f"not known: {law['n']} whole groups of four or more, or all of one size"
    else:
        d = f"{number(law['dimension'], 3)} ({number(law['dimension_low'], 3)} to {number(law['dimension_high'], 3)})"
        k = f"{number(law['prefactor'], 3)} ({number(law['prefactor_low'], 3)} to {number(law['prefactor_high'], 3)})"
        said = f"dimension {d}, prefactor {k}, of {law['n']} groups; 95 % intervals"
        if law["is_lower_bound"]:
            said += "; a lower bound, as groups so dense hide much of themselves"
    rows.append(("Fractal law", said))
    return rows


def fibre_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of the fibres of a micrograph, as fibres.json holds them."""
    unit, w, orientation, meshes = found["unit"], found["width"], found["orientation"], found["meshes"]
    show = lengths(unit, w[f"mean_{unit}"])
    by_length = ", by length"
    n, bundles = found["n_fibres"], found["n_bundles_left_out"]
    rows = [("Fibres", f"{n}, {found['tone']}" + (f"; {bundles} more lie side by side: no width of them" if bundles else ""))]
    u = w[f"expanded_uncertainty_{unit}"]
    mean = show.with_unit(w[f"mean_{unit}"]) if u is None else f"{show.with_uncertainty(w[f'mean_{unit}'], u)} {show.unit} (k = 2)"
    rows.append(("Mean width", mean + by_length))
    rows.append(("Widths", ", ".join(f"{k} {show.with_unit(w[f'{k}_{unit}'])}" for k in ("d10", "d50", "d90")) + by_length))
    total = found[f"total_length_{unit}"]
    rows.append(
        (
            "Length in sight",
            f"{lengths(unit, total).with_unit(total)}; widths taken on {percent(w['share_of_length_measured'])} of it",
        )
    )
    length = found["length"]
    if length["n_with_both_ends_seen"]:
        mean_length = length[f"mean_{unit}"]
        said = (
            f"{length['n_with_both_ends_seen']} with both ends seen, {lengths(unit, mean_length).with_unit(mean_length)} on average"
        )
    else:
        said = "none has both its ends in sight"
    rows.append(("Lengths", said))
    interval = orientation["interval_95"]
    between = f" ({number(interval['low'], 2)} to {number(interval['high'], 2)})" if interval else ""
    rows.append(
        (
            "Order parameter",
            f"S = {number(orientation['order_parameter'], 3)}{between}, director {orientation['director_deg']:.0f}°",
        )
    )
    rows.append(("Tortuosity", number(found["mean_tortuosity"], 4)))
    if meshes["n"]:
        mesh = meshes[f"mean_equivalent_diameter_{unit}"]
        circle = meshes[f"mean_largest_circle_{unit}"]
        said = f"{meshes['n']} whole; mean equivalent diameter {lengths(unit, mesh).with_unit(mesh)}"
        rows.append(("Meshes", f"{said}, largest circle within {lengths(unit, circle).with_unit(circle)}"))
    rows.append(("Covered", percent(meshes["share_covered"])))
    return rows
