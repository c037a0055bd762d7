//! The icon's pictures, drawn from vector shapes in the sizes that panels ask for.
//!
//! Each has a silhouette of its own, so that users need not tell green from red: a disc with a tick, an arrow, two
//! bars, an hourglass, a triangle, an octagon. A light rim around dark colors keeps them readable on light and on
//! dark panels.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

use super::menu::Icon;

/// Sizes in pixels: panels and taskbars from 100 % to 400 %.
pub const SIZES: [u32; 7] = [16, 20, 22, 24, 32, 48, 64];
/// Side of the square that contains all shapes, in units of the shapes' coordinates.
const SIDE: f32 = 32.0;
/// Width of the rim, in the same units.
const RIM: f32 = 3.0;

const GREEN: [u8; 3] = [0x1b, 0x7f, 0x3b];
const BLUE: [u8; 3] = [0x1f, 0x5f, 0xbf];
const GREY: [u8; 3] = [0x5f, 0x67, 0x70];
const AMBER: [u8; 3] = [0xb3, 0x62, 0x00];
const RED: [u8; 3] = [0xb4, 0x1f, 0x2a];

/// A picture in one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width and height in pixels.
    pub size: u32,
    /// Red, green, blue and alpha of each pixel, row by row; colors are not multiplied by alpha.
    pub rgba: Vec<u8>,
}

/// A silhouette, its color, and what is drawn on it.
struct Shape {
    body: Path,
    color: [u8; 3],
    mark: Option<Mark>,
}

/// Light lines on the silhouette.
struct Mark {
    path: Path,
    width: f32,
}

/// The picture in this size; empty when memory for it cannot be allocated.
#[must_use]
pub fn draw(icon: Icon, size: u32) -> Picture {
    Picture {
        size,
        rgba: pixels(icon, size).unwrap_or_else(|| vec![0; (size * size * 4) as usize]),
    }
}

fn pixels(icon: Icon, size: u32) -> Option<Vec<u8>> {
    let shape = shape(icon)?;
    let mut pixmap = Pixmap::new(size, size)?;
    #[allow(clippy::cast_precision_loss)]
    let scale = size as f32 / SIDE;
    let transform = Transform::from_scale(scale, scale);
    let white = paint([0xff; 3]);
    let round = |width| Stroke {
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    let body = paint(shape.color);
    pixmap.stroke_path(&shape.body, &white, &round(2.0 * RIM), transform, None);
    pixmap.fill_path(&shape.body, &body, FillRule::Winding, transform, None);
    // The rim's corners are round.
    pixmap.stroke_path(&shape.body, &body, &round(RIM), transform, None);
    if let Some(mark) = shape.mark {
        pixmap.stroke_path(&mark.path, &white, &round(mark.width), transform, None);
    }
    let pixels = pixmap.pixels().iter().flat_map(|pixel| {
        let pixel = pixel.demultiply();
        [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
    });
    Some(pixels.collect())
}

fn paint([red, green, blue]: [u8; 3]) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(Color::from_rgba8(red, green, blue, 0xff));
    paint
}

fn shape(icon: Icon) -> Option<Shape> {
    let (body, color, mark) = match icon {
        Icon::UpToDate => (
            PathBuilder::from_circle(16.0, 16.0, 12.0)?,
            GREEN,
            Some((lines(&[&[(10.0, 16.5), (14.5, 21.0), (22.5, 11.5)]])?, 3.6)),
        ),
        Icon::Sending => (
            closed(&[
                (16.0, 4.0),
                (27.5, 16.5),
                (20.5, 16.5),
                (20.5, 28.0),
                (11.5, 28.0),
                (11.5, 16.5),
                (4.5, 16.5),
            ])?,
            BLUE,
            None,
        ),
        Icon::Paused => (bars()?, GREY, None),
        Icon::Waiting => (
            closed(&[
                (6.5, 4.0),
                (25.5, 4.0),
                (25.5, 7.5),
                (18.5, 16.0),
                (25.5, 24.5),
                (25.5, 28.0),
                (6.5, 28.0),
                (6.5, 24.5),
                (13.5, 16.0),
                (6.5, 7.5),
            ])?,
            AMBER,
            None,
        ),
        Icon::Attention => (
            closed(&[(16.0, 4.5), (28.0, 27.5), (4.0, 27.5)])?,
            AMBER,
            Some((
                lines(&[&[(16.0, 13.0), (16.0, 19.0)], &[(16.0, 24.2), (16.0, 24.3)]])?,
                3.4,
            )),
        ),
        Icon::Broken => (
            octagon()?,
            RED,
            Some((
                lines(&[&[(11.0, 11.0), (21.0, 21.0)], &[(21.0, 11.0), (11.0, 21.0)]])?,
                3.8,
            )),
        ),
    };
    Some(Shape {
        body,
        color,
        mark: mark.map(|(path, width)| Mark { path, width }),
    })
}

fn bars() -> Option<Path> {
    let mut builder = PathBuilder::new();
    for left in [6.0, 20.0] {
        builder.push_rect(Rect::from_xywh(left, 5.0, 6.0, 22.0)?);
    }
    builder.finish()
}

fn octagon() -> Option<Path> {
    let (near, far, low, high) = (4.0, 28.0, 11.0, 21.0);
    closed(&[
        (low, near),
        (high, near),
        (far, low),
        (far, high),
        (high, far),
        (low, far),
        (near, high),
        (near, low),
    ])
}

fn closed(points: &[(f32, f32)]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    along(&mut builder, points);
    builder.close();
    builder.finish()
}

fn lines(lines: &[&[(f32, f32)]]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for points in lines {
        along(&mut builder, points);
    }
    builder.finish()
}

fn along(builder: &mut PathBuilder, points: &[(f32, f32)]) {
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 {
            builder.move_to(*x, *y);
        } else {
            builder.line_to(*x, *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Icon; 6] = [
        Icon::UpToDate,
        Icon::Sending,
        Icon::Paused,
        Icon::Waiting,
        Icon::Attention,
        Icon::Broken,
    ];

    /// Where a picture is more solid than not.
    fn silhouette(picture: &Picture) -> Vec<bool> {
        let pixels = picture.rgba.chunks_exact(4);
        pixels.map(|pixel| pixel[3] > 127).collect()
    }

    /// Where the picture is dark: what a user sees who cannot distinguish colors.
    fn dark(picture: &Picture) -> Vec<bool> {
        let pixels = picture.rgba.chunks_exact(4);
        pixels
            .map(|pixel| pixel[3] > 127 && luma(pixel) < 0.5)
            .collect()
    }

    fn luma(pixel: &[u8]) -> f32 {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(|part| f32::from(part) / 255.0);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn share_of_differences(left: &[bool], right: &[bool]) -> f32 {
        let different = left.iter().zip(right).filter(|(a, b)| a != b).count();
        #[allow(clippy::cast_precision_loss)]
        let share = different as f32 / left.len() as f32;
        share
    }

    #[test]
    fn no_two_shapes_are_the_same_in_any_size() {
        for size in SIZES {
            for (index, one) in ALL.into_iter().enumerate() {
                for other in &ALL[index + 1..] {
                    let (a, b) = (draw(one, size), draw(*other, size));
                    let outside = share_of_differences(&silhouette(&a), &silhouette(&b));
                    let inside = share_of_differences(&dark(&a), &dark(&b));
                    assert!(
                        inside > 0.1 && outside + inside > 0.15,
                        "{one:?} and {other:?} at {size}: {outside} and {inside}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_picture_stands_out_from_light_and_dark_panels() {
        for icon in ALL {
            for size in SIZES {
                let picture = draw(icon, size);
                let solid: Vec<_> = picture
                    .rgba
                    .chunks_exact(4)
                    .filter(|pixel| pixel[3] > 200)
                    .map(luma)
                    .collect();
                #[allow(clippy::cast_precision_loss)]
                let share = |wanted: &dyn Fn(f32) -> bool| {
                    solid.iter().filter(|luma| wanted(**luma)).count() as f32 / (size * size) as f32
                };
                // Enough dark for a light panel, enough light for a dark one.
                assert!(share(&|luma| luma < 0.45) > 0.15, "{icon:?} at {size}");
                assert!(share(&|luma| luma > 0.6) > 0.05, "{icon:?} at {size}");
            }
        }
    }
}
