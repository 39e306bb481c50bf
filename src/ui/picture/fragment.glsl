// BT.709 limited range to RGB (ITU-R BT.709-6, 3), with round corners.

uniform sampler2D luma;
uniform sampler2D blue;
uniform sampler2D red;
uniform vec2 extent;  // of the place, in pixels
uniform float radius; // of its corners, in pixels

in vec2 place;
out vec4 colour;

// A plane's value here. One look averages over up to two samples each way. Where a pixel covers more, four looks
// spread over it keep fine detail from shimmering: exact averages at a quarter of the size.
float value(sampler2D plane) {
    vec2 covered = vec2(textureSize(plane, 0)) / extent;
    int looks = max(covered.x, covered.y) > 2.0 ? 4 : 1;
    vec2 spread = looks > 1 ? 0.25 / extent : vec2(0.0);
    float sum = 0.0;
    for (int look = 0; look < looks; look++) {
        vec2 side = 2.0 * vec2(float(look & 1), float(look >> 1)) - 1.0;
        sum += textureLod(plane, place + side * spread, 0.0).r;
    }
    return sum / float(looks);
}

void main() {
    float y = (255.0 * value(luma) - 16.0) / 219.0;
    float b = (255.0 * value(blue) - 128.0) / 224.0;
    float r = (255.0 * value(red) - 128.0) / 224.0;
    vec3 rgb = vec3(y + 1.5748 * r, y - 0.187324 * b - 0.468124 * r, y + 1.8556 * b);

    vec2 corner = abs(place - 0.5) * extent - 0.5 * extent + radius;
    float outside = length(max(corner, 0.0)) + min(max(corner.x, corner.y), 0.0) - radius;
    float cover = clamp(0.5 - outside, 0.0, 1.0);
    colour = cover * vec4(clamp(rgb, 0.0, 1.0), 1.0);
}
